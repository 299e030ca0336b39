import { defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'

// Tests read the packages' sources, not their `dist`, through the condition that the tarballs do not have.
const conditions = ['entreat:src', ...defaultServerConditions]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'examples/**/*.test.ts', 'lab/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    reporters: ['default'],
  },
})
