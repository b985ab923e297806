// Package tlstest makes certificates for tests of checks by TLS. It is for
// tests only.
package tlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	// PEM is its certificate.
	PEM string
}

// Names of the server that Server makes certificates for.
const (
	Name    = "www.example.org"
	Address = "127.0.0.1"
)

// New makes an authority.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{}
	a.cert, a.key = sign(t, template("moonkeep test authority", time.Now().Add(-time.Hour), time.Now().Add(365*24*time.Hour), true), nil, nil)
	a.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
	return a
}

func template(name string, from, to time.Time, authority bool) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, IsCA: authority,
	}
	if authority {
		c.KeyUsage |= x509.KeyUsageCertSign
		c.ExtKeyUsage = nil
		return c
	}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	return c
}

// sign signs by a parent, or by itself when there is none.
func sign(t testing.TB, c, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// Issue makes a certificate for a name or an address, from now for a time; a
// negative one has ended so long ago. A nil authority makes one that is signed
// by itself.
func (a *Authority) Issue(t testing.TB, name string, left time.Duration) tls.Certificate {
	t.Helper()
	c := template(name, time.Now().Add(-48*time.Hour), time.Now().Add(left), false)
	var cert *x509.Certificate
	var key *ecdsa.PrivateKey
	if a == nil {
		cert, key = sign(t, c, nil, nil)
	} else {
		cert, key = sign(t, c, a.cert, a.key)
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// Texts are a certificate and its key in PEM.
func Texts(t testing.TB, c tls.Certificate) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// Pool trusts the authority.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}
