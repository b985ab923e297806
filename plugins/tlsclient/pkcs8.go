package tlsclient

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
)

// The structures of RFC 5208 section 6 and RFC 8018 appendix A.
type (
	encryptedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2 struct {
		Derivation, Scheme pkix.AlgorithmIdentifier
	}
	pbkdf2Params struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

// maxIterations keeps a key file from taking minutes.
const maxIterations = 2_000_000

// decryptPKCS8 opens a key that is encrypted with a password, as openssl
// writes it: PBES2 with PBKDF2.
func decryptPKCS8(der []byte, password string) ([]byte, error) {
	if password == "" {
		return nil, errors.New("it is encrypted, and no password is given")
	}
	var key encryptedKey
	if _, err := asn1.Unmarshal(der, &key); err != nil {
		return nil, fmt.Errorf("read the encrypted key: %w", err)
	}
	if got := key.Algorithm.Algorithm.String(); got != "1.2.840.113549.1.5.13" {
		return nil, fmt.Errorf("it is encrypted by the algorithm %s, and only PBES2 is known; write it anew with openssl pkcs8 -topk8", got)
	}
	var outer pbes2
	if _, err := asn1.Unmarshal(key.Algorithm.Parameters.FullBytes, &outer); err != nil {
		return nil, fmt.Errorf("read how the key is encrypted: %w", err)
	}
	if got := outer.Derivation.Algorithm.String(); got != "1.2.840.113549.1.5.12" {
		return nil, fmt.Errorf("the password goes through the algorithm %s, and only PBKDF2 is known", got)
	}
	var params pbkdf2Params
	if _, err := asn1.Unmarshal(outer.Derivation.Parameters.FullBytes, &params); err != nil {
		return nil, fmt.Errorf("read how the password is used: %w", err)
	}
	if params.Iterations < 1 || params.Iterations > maxIterations {
		return nil, fmt.Errorf("%d rounds of PBKDF2", params.Iterations)
	}
	var sum func() hash.Hash
	switch got := params.PRF.Algorithm.String(); got {
	case "", "1.2.840.113549.2.7":
		sum = sha1.New
	case "1.2.840.113549.2.9":
		sum = sha256.New
	case "1.2.840.113549.2.11":
		sum = sha512.New
	default:
		return nil, fmt.Errorf("the password goes through the hash %s", got)
	}
	var iv []byte
	if _, err := asn1.Unmarshal(outer.Scheme.Parameters.FullBytes, &iv); err != nil {
		return nil, fmt.Errorf("read the start of the cipher: %w", err)
	}
	newCipher, length := aes.NewCipher, 0
	switch got := outer.Scheme.Algorithm.String(); got {
	case "2.16.840.1.101.3.4.1.2":
		length = 16
	case "2.16.840.1.101.3.4.1.22":
		length = 24
	case "2.16.840.1.101.3.4.1.42":
		length = 32
	case "1.2.840.113549.3.7":
		newCipher, length = des.NewTripleDESCipher, 24
	default:
		return nil, fmt.Errorf("it is encrypted by the cipher %s", got)
	}
	secret, err := pbkdf2.Key(sum, password, params.Salt, params.Iterations, length)
	if err != nil {
		return nil, fmt.Errorf("derive the key's key: %w", err)
	}
	block, err := newCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	if len(iv) != block.BlockSize() || len(key.Data) == 0 || len(key.Data)%block.BlockSize() != 0 {
		return nil, errors.New("the encrypted key is cut short")
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(key.Data, key.Data)
	pad := int(key.Data[len(key.Data)-1])
	if pad < 1 || pad > block.BlockSize() {
		return nil, errors.New("the password is not the key's")
	}
	return key.Data[:len(key.Data)-pad], nil
}
