export type {
  Har,
  HarContent,
  HarCookie,
  HarEntry,
  HarHeader,
  HarLog,
  HarPostData,
  HarQueryParameter,
  HarRequest,
  HarResponse,
  HarTimings,
} from './har/har.ts'
export { HarRecorder, type HarRecorderOptions } from './har/har-recorder.ts'
