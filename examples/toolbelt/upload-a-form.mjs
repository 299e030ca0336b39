// Uploads a file in a form, telling how far it is, to a server that may send us elsewhere: node upload-a-form.mjs URL FILE
import { post } from '@entreat/core'
import { fileBody } from '@entreat/toolbelt/body'
import { MultipartEncoder } from '@entreat/toolbelt/multipart'
import { trackUpload } from '@entreat/toolbelt/progress'

const [url, file] = process.argv.slice(2)

const form = new MultipartEncoder({ title: 'Moby-Dick', file: await fileBody(file) })
let shown = 0
const data = trackUpload(form, ({ transferred, total, attempt }) => {
  const percent = Math.floor((transferred / total) * 4) * 25 + attempt * 1000
  if (percent > shown) console.log(`attempt ${attempt}: ${(shown = percent) % 1000} %`)
})
const response = await post(url, { data })
console.log(response.statusCode, response.json().bytes === form.length)
