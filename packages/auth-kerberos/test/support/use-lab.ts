import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type Lab, labProblem, startLab } from '../../../../lab/kerberos-ntlm/start-lab.ts'

type LabNeeds = Parameters<typeof startLab>[0]

/** Starts real servers for the tests of a file, with alice's ticket as the process's own; skips them where that cannot be. */
export function useLab(needs: LabNeeds): () => Lab {
  const problem = labProblem(needs)
  const before = { ...process.env }
  let lab: Lab | null = null
  beforeAll(async () => {
    if (problem !== null) return
    lab = await startLab(needs)
  })
  beforeEach((context) => {
    if (problem !== null) context.skip(problem)
    Object.assign(process.env, lab?.clientEnv('alice'))
  })
  afterAll(async () => {
    await lab?.stop()
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  })
  return () => {
    if (lab === null) throw new Error('the lab has not been started')
    return lab
  }
}
