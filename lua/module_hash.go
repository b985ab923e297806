package lua

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"hash"
	"hash/crc32"

	lua "github.com/yuin/gopher-lua"
)

// maxIterations bounds hash.pbkdf2, which cannot be stopped: some 30 ms.
const maxIterations = 50_000

// maxKeyBits bounds hash.rsa_oaep, which cannot be stopped: some 5 ms.
const maxKeyBits = 8192

func hashModule() Module {
	text := arg("text", "string", "what to digest")
	raw := []Value{opt("raw", "boolean", "gives the octets themselves in place of hexadecimal digits")}
	digest := []Value{ret("string", "the digest")}
	m := Module{
		Name: "hash",
		Doc:  "Digests, and what logins need beside them. md5 and sha1 are there because protocols need them; they protect nothing.",
		Functions: []Function{
			{Name: "crc32", Doc: "the CRC-32 of a text, as gzip and zlib have it", Params: []Value{text}, Returns: []Value{ret("integer", "the checksum")}, call: hashCRC},
			{
				Name: "hmac", Doc: "the HMAC of a text", Params: []Value{arg("algorithm", "string", "md5, sha1, sha256 or sha512"), arg("key", "string", "the secret"), text},
				Options: raw, Returns: digest, call: hashHMAC,
			},
			{
				Name: "pbkdf2", Doc: "derives a key from a password, as SCRAM does",
				Params: []Value{
					arg("algorithm", "string", "md5, sha1, sha256 or sha512"), arg("password", "string", "the password"), arg("salt", "string", "the salt"),
					arg("iterations", "integer", "at most 50,000"),
				},
				Options: raw, Returns: []Value{ret("string", "a key as long as a digest")}, call: hashPBKDF2,
			},
			{
				Name: "rsa_oaep", Doc: "encrypts a short text for who has the private key, by RSA with OAEP",
				Params:  []Value{arg("key", "string", "a public key in PEM (BEGIN PUBLIC KEY), of 8,192 bits at most"), arg("text", "string", "at most 42 octets shorter than the key, with sha1"), opt("algorithm", "string", "md5, sha1, sha256 or sha512; sha1 unless given")},
				Returns: []Value{ret("string", "octets, as many as the key has")}, Fails: true, call: hashRSA,
			},
		},
	}
	for _, name := range []string{"md5", "sha1", "sha256", "sha512"} {
		m.Functions = append(m.Functions, Function{
			Name: name, Doc: "the digest of a text", Params: []Value{text}, Options: raw, Returns: digest,
			call: func(c call) int {
				text, opts := c.l.CheckString(1), c.options()
				c.digests(len(text))
				h := algorithm(name)()
				h.Write([]byte(text))
				return c.digest(h.Sum(nil), opts)
			},
		})
	}
	return m
}

// algorithm returns a hash by its name, nil when there is none.
func algorithm(name string) func() hash.Hash {
	switch name {
	case "md5":
		return md5.New
	case "sha1":
		return sha1.New
	case "sha256":
		return sha256.New
	case "sha512":
		return sha512.New
	}
	return nil
}

// checkAlgorithm returns the hash that the first argument names.
func (c call) checkAlgorithm() func() hash.Hash {
	h := algorithm(c.l.CheckString(1))
	if h == nil {
		c.l.ArgError(1, "want md5, sha1, sha256 or sha512")
	}
	return h
}

// digests charges for n octets that are digested.
func (c call) digests(n int) {
	c.s.meter.charge(c.l, n+512)
	c.s.meter.work(c.l, n/4)
}

// digest returns a digest to the script.
func (c call) digest(sum []byte, opts fields) int {
	if opts.flag("raw", false) {
		return c.text(string(sum))
	}
	return c.text(hex.EncodeToString(sum))
}

func hashCRC(c call) int {
	text := c.l.CheckString(1)
	c.digests(len(text))
	return c.push(lua.LNumber(crc32.ChecksumIEEE([]byte(text))))
}

func hashHMAC(c call) int {
	new, key, text, opts := c.checkAlgorithm(), c.l.CheckString(2), c.l.CheckString(3), c.options()
	c.digests(len(key) + len(text))
	h := hmac.New(new, []byte(key))
	h.Write([]byte(text))
	return c.digest(h.Sum(nil), opts)
}

func hashPBKDF2(c call) int {
	new, password, salt, n, opts := c.checkAlgorithm(), c.l.CheckString(2), c.l.CheckString(3), c.l.CheckInt(4), c.options()
	if n < 1 || n > maxIterations {
		c.l.ArgError(4, "want 1 to 50000 iterations")
	}
	c.digests(len(password) + len(salt))
	c.s.meter.work(c.l, 64*n) // one takes as long as some eight instructions
	key, err := pbkdf2.Key(new, password, []byte(salt), n, new().Size())
	if err != nil {
		return c.fail("%v", err)
	}
	return c.digest(key, opts)
}

func hashRSA(c call) int {
	text, name := c.l.CheckString(2), c.l.OptString(3, "sha1")
	hash := algorithm(name)
	if hash == nil {
		c.l.ArgError(3, "want md5, sha1, sha256 or sha512")
	}
	given := c.l.CheckString(1)
	c.digests(len(given) + len(text))
	block, _ := pem.Decode([]byte(given))
	if block == nil || block.Type != "PUBLIC KEY" {
		return c.fail("the key is no public key in PEM")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return c.fail("the key cannot be read: %v", err)
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return c.fail("the key is none of RSA")
	}
	if key.N.BitLen() > maxKeyBits {
		return c.fail("the key has %d bits, more than %d", key.N.BitLen(), maxKeyBits)
	}
	c.s.meter.work(c.l, key.N.BitLen()*4)
	out, err := rsa.EncryptOAEP(hash(), rand.Reader, key, []byte(text), nil)
	if err != nil {
		return c.fail("encrypt: %v", err)
	}
	return c.text(string(out))
}
