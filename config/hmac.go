package config

import (
	"encoding/hex"
	"errors"
	"strings"
)

// KeyMaterial are the bytes of a key. It prints as asterisks.
type KeyMaterial []byte

// String hides the key.
func (KeyMaterial) String() string { return Hidden }

// GoString hides the key.
func (KeyMaterial) GoString() string { return Hidden }

// MarshalText hides the key.
func (KeyMaterial) MarshalText() ([]byte, error) { return []byte(Hidden), nil }

// The bounds of a key of auth_hmac in bytes: a shorter one can be guessed, a
// longer one adds nothing.
const (
	LeastKey = 32
	MostKey  = 64
)

// SecretPlace returns where the secret of a key stands when it stands outside of
// the configuration: "file" and a path, or "credential" and the name of a
// systemd credential. kind is empty when the secret is in the text itself.
func SecretPlace(secret string) (kind, name string) {
	for _, kind := range []string{"file", "credential"} {
		if name, ok := strings.CutPrefix(secret, kind+":"); ok {
			return kind, name
		}
	}
	return "", ""
}

// ParseKey reads a key: hex:DIGITS, or the text itself. The error does not
// repeat it.
func ParseKey(secret string) (KeyMaterial, error) {
	material := KeyMaterial(secret)
	if digits, ok := strings.CutPrefix(secret, "hex:"); ok {
		raw, err := hex.DecodeString(digits)
		if err != nil {
			return nil, errors.New("behind hex: stand pairs of hexadecimal digits, and nothing else")
		}
		material = raw
	}
	if len(material) < LeastKey || len(material) > MostKey {
		return nil, errors.New("a secret has 32 to 64 bytes")
	}
	return material, nil
}

// CheckSecret returns what is wrong with the text of a secret: with the key
// itself, or with the name of where it stands.
func CheckSecret(secret string) error {
	switch kind, name := SecretPlace(secret); {
	case kind == "file" && !strings.HasPrefix(name, "/"):
		return errors.New("a file: takes an absolute path")
	case kind == "credential" && (name == "" || name == "." || name == ".." || strings.Contains(name, "/")):
		return errors.New("a credential: takes a name without a slash")
	case kind != "":
		return nil
	}
	_, err := ParseKey(secret)
	return err
}
