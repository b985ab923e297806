package tlsclient

import (
	"strings"
	"testing"
)

// plainKey is a key, and the others are the same one as openssl encrypts it
// with the password moonkeep: by AES-256 and SHA-256, by triple DES and SHA-1,
// and by AES-128 and SHA-512.
const plainKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYp16mOOJzloPcqOR
ej35IwgGV+DfrDYYcUGOww2XdYuhRANCAATuK37/PT/PdunYWv4U91BYJlY756JC
r2IGSXN+NHuwyzt2c7/47BpaXUcgMyoOdc0SfXRdPoIq0UUW+3mmvNTe
-----END PRIVATE KEY-----
`

var encryptedKeys = []string{
	`-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjebLjkeNL3LgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEECN6DmhQpqwfccCO7geo5iMEgZCQ
tODy+E9bZI/EDbX52NrkX/4BWC0utLXbDPKErBKwZZAf3JU+lHDKVaz+ejnu9Xr6
e3yEZVSZcgQWvttsLOOn1bW98OKi4hhyEY00EdaLZ+6oazl2ffbnOKNk++HHR3wL
IPrDc+qCT8YcV6bzFQM4MLqwp4fJR/TEOX5HCxZom7KfVD5CYnAn3jAjOYkK/xs=
-----END ENCRYPTED PRIVATE KEY-----
`,
	`-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHVMEAGCSqGSIb3DQEFDTAzMBsGCSqGSIb3DQEFDDAOBAjg0zL1vUAlSAICCAAw
FAYIKoZIhvcNAwcECPSxauIF7yC1BIGQQCrJjoE3u2l7gcLJ57JVFfWVWmxSh/FS
LNXGzWDPqC6Bx2DC7dYPgWBGEPBSYNI8/wDz3B6N4CZoy4AcEz9KQy8l/0NN/RxP
ZPByVNpaEvh0zZ+NVtJ1rxIUNB8wdBxh2WnqiZdBoMH901DobVEhA44xnqENSigv
/lqkvXS3zd8K37LJ83TIksc7WhJyZk9W
-----END ENCRYPTED PRIVATE KEY-----
`,
	`-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhnCQtQ/fsjpAICCAAw
DAYIKoZIhvcNAgsFADAdBglghkgBZQMEAQIEEH8lLJWSqm8DJ+oxl98Xxq0EgZCq
cU0wSFtnFzTtLbt/GBRbvQ/m+6WmGalryWlgF4LqJbHnxxAySOeHb449HabMWWKG
z+KrCT81g+eMHebmOiwrExtWipOYGxzAU1cOj+1XrqHJ0Yv9CpE+lQSdv01/FFGF
q11n2txC1+mnUAh+8BVXz0A+P6l1kFH9f8YHGrJG/cIunO6DYAW6k1piCJzsM6Q=
-----END ENCRYPTED PRIVATE KEY-----
`,
}

// oldKey is encrypted in the form that PEM had before PKCS #8.
const oldKey = `-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,51F97BB22011716F373CB11C7A86FC66

zMLOyEetoYvkujByGym2vuqua5J5yWbVwnve3OBu7oPc3JJMPNf9aLZIlBhBpidY
hFxqfYaDgQc+o0EfEoR993Z9XiZjq9un/OIFqv7XACbYVK9YIHU2QX57MVJUw13F
oGSbB+XGsqsLESAETTgY99wayQeI3OQd26KmI4Oerfc=
-----END EC PRIVATE KEY-----
`

func TestEncryptedKeys(t *testing.T) {
	for i, key := range encryptedKeys {
		got, err := opened([]byte(key), "moonkeep")
		if err != nil || string(got) != plainKey {
			t.Errorf("key %d: %v, %s", i, err, got)
		}
		if got, err := opened([]byte(key), "guess"); err == nil && string(got) == plainKey {
			t.Errorf("key %d opens with another password", i)
		}
		if _, err := opened([]byte(key), ""); err == nil || !strings.Contains(err.Error(), "no password is given") {
			t.Errorf("key %d without a password: %v", i, err)
		}
	}
	if got, err := opened([]byte(plainKey), ""); err != nil || string(got) != plainKey {
		t.Errorf("a plain key: %v, %s", err, got)
	}
	if _, err := opened([]byte(oldKey), "moonkeep"); err == nil || !strings.Contains(err.Error(), "openssl pkcs8 -topk8") {
		t.Errorf("an old key: %v", err)
	}
}

// FuzzPKCS8 holds that no file is worse than an error.
func FuzzPKCS8(f *testing.F) {
	f.Add([]byte{0x30, 0}, "moonkeep")
	f.Fuzz(func(t *testing.T, der []byte, password string) {
		if got, err := decryptPKCS8(der, password); err == nil && len(got) > len(der) {
			t.Errorf("%d bytes from %d", len(got), len(der))
		}
	})
}
