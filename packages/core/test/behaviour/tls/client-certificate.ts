// Node can read PFX files and cannot write them: this one was made once, by `openssl req -x509 -newkey ec` and `openssl pkcs12 -export`.
// It is self-signed, valid for a hundred years, and good for nothing but these tests.

/** A client certificate and its key as PKCS #12, common name `entreat test client`. */
export const CLIENT_PFX: Buffer = Buffer.from(
  `
  MIIELAIBAzCCA+IGCSqGSIb3DQEHAaCCA9MEggPPMIIDyzCCAoIGCSqGSIb3DQEHBqCCAnMwggJvAgEAMIICaAYJKoZIhvcNAQcB
  MFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiEJhoAXe+I1wICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEFkR
  P8o0vVOqYdrCuWYE/K+AggIAv9oy71PFf6kkgIA2IGakSznsn8FbYF6Rlzxgnmk369GA6pOeZ7pZ90OgaXCnc/JTVDwAqAU5B3qO
  h5WhBHgqPtJdPonnR0eroQhy3YCCS/ly8SiSuWg9L4sEbZI6m+nnj0cAQcwB+5eQAGp7h1uvYlthuteDHm97RTPdoJ4n+d/kLGjJ
  l3VLMr7H9ZwoVzJb2gJG7zmNr5+ZJjD2CMg9Kvlk2dkvzzCnIr5YQWKToZytSyroNG2RZF0zyrMcTGygKK+xDhTqHJfVwdhH5488
  IbOrv1AazRsg8fYVX9v+sdt6OG8eQLvjzdWMnIFOZ3gm7vKb+22jTws5zj5jiAZkyFJHzsAJAsjfAOamvggJAcxmAt7l3u1Nuuc3
  zEvp4cHccmSCQDwgZtjWccVd+ILUyKwAZdSXcaOeW0wCz9uekTZkDrYH+mPYmwIRDOhvct4r9hhdTofWHOvOCaJYVnHavg8/5cwd
  NlYJjyhKddJOOOBvzkdDgEgDxwwSf2uB2A4Cli1sQSaCEnswmaR7jNPMg4dTTqc8p3QR4116boWb464dtsNSUxmtxow21wHkDpbP
  mjUyK05/9UjIG7nX+j1cr6j7RDd80B4/93mby0F2R3BUgeYNFCZLHNfcNg6eVm0OxSBJoQu4xnhQd+uInKeg24Ea58WWn3adZxYQ
  dtOZ3GMwggFBBgkqhkiG9w0BBwGgggEyBIIBLjCCASowggEmBgsqhkiG9w0BDAoBAqCB7zCB7DBXBgkqhkiG9w0BBQ0wSjApBgkq
  hkiG9w0BBQwwHAQIu7PfngFxFDsCAggAMAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEqBBDxrA0eSnJnoIZNqnp4RJ/vBIGQRBhW
  4rTLZySjg5Wc7OqlrEo5kaUpGP3aflUQV+as2X8TNKrkxl3Rr5uYwO8wBJcG+v3KwnoQ6bZmEFXNjsSNjtJQQYwT41HnM1MHmoQE
  iUcV5VgGmB3k7878IjV2DON1IYBKVGc1ZdyR91EufhQugMPgl/yKHcU0CBwm00J5xy3DVUU2afB2TYZu73Z+IxdiMSUwIwYJKoZI
  hvcNAQkVMRYEFN7V9DNVCOCQj3zwzSAWTXohNUO8MEEwMTANBglghkgBZQMEAgEFAAQgQwwNGQCPyEqWIWlBgaMPOvOGQ2WipZqJ
  sxHLzGPJRv4ECNtzj5Tn+z1iAgIIAA==
`,
  'base64',
)

/** What opens it. */
export const CLIENT_PFX_PASSPHRASE = 'open'
