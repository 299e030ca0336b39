export { type CookieFacts, type CookiePolicy, forgetfulJar, policyJar } from './cookies/policy-jar.ts'
export {
  type CookieFormat,
  formatNetscapeCookies,
  loadCookies,
  parseNetscapeCookies,
  saveCookies,
  type SaveCookiesOptions,
} from './cookies/cookie-files.ts'
