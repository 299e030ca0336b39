// The templates as they stand, before any name is filled in: they are code like any other here.
import '../templates/adapter/test/template-adapter.test.ts'
import '../templates/auth/test/template-auth.test.ts'
