package tlsclient

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// Settings are the options of TLS that a check has. Files may be given by
// their paths or as their content, in PEM: a checker that may not read a key
// gets it from one who may.
type Settings struct {
	Verify        bool             `json:"verify"`
	CA            string           `json:"ca"`
	Certificate   string           `json:"certificate"`
	Key           string           `json:"key"`
	Password      string           `json:"password"`
	ExpiryWarning checker.Duration `json:"expiry_warning"`
}

// Options describes Settings.
func Options() []checker.Option {
	return []checker.Option{
		{Name: "verify", Type: "bool", Default: "false", Doc: "Verify the server's certificate: its name, its issuer and its validity period."},
		{Name: "ca", Type: "string", Doc: "The trusted certificates: a file, or PEM (default: those of the system)."},
		{Name: "certificate", Type: "string", Doc: "The client certificate to present: a file, or PEM."},
		{Name: "key", Type: "string", Secret: true, Doc: "The key of the client certificate: a file, or PEM."},
		{Name: "password", Type: "string", Secret: true, Doc: "The password of the key."},
		{Name: "expiry_warning", Type: "duration", Default: "0s", Doc: "Warn this long before the server's certificate expires; 0 never warns. The check does not fail."},
	}
}

// any is whether one of them is given.
func (s Settings) given() bool { return s != Settings{} }

// Unused is an error that says that no TLS is spoken, when settings are given.
func (s Settings) Unused(why string) error {
	if s.given() {
		return errors.New("verify, ca, certificate, key, password and expiry_warning are of TLS, " + why)
	}
	return nil
}

// Name is what a connection is for.
type Name struct {
	// Server is whom the certificate must be for, when it is verified: a name
	// or an address.
	Server string
	// SNI is what is told to the server; empty tells nothing.
	SNI string
}

// Config makes the configuration of a connection. It reads the files, and shares what
// is in them by the store.
func (s Settings) Config(store *Store, name Name) (*tls.Config, error) {
	c := &tls.Config{
		ServerName: name.SNI,
		// What is to be verified is verified below, since what is asked for and
		// what is told to the server are two things.
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
		// Servers ask for a certificate when they know the path (SSLVerifyClient of
		// Apache in a Location, IIS), in versions before 1.3 by another handshake.
		Renegotiation: tls.RenegotiateOnceAsClient,
	}
	if s.Verify {
		c.MinVersion = 0
		roots, err := s.roots(store)
		if err != nil {
			return nil, err
		}
		c.VerifyConnection = func(cs tls.ConnectionState) error { return verify(cs, roots, name.Server) }
	} else {
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			c.CipherSuites = append(c.CipherSuites, suite.ID)
		}
	}
	if (s.Certificate == "") != (s.Key == "") {
		return nil, errors.New("a certificate needs its key, and a key its certificate")
	}
	if s.Certificate != "" {
		pair, err := s.pair(store)
		if err != nil {
			return nil, err
		}
		// What is asked for at each handshake keeps the pair itself, and no copy.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	}
	return c, nil
}

// content reads a file, or takes PEM as it is.
func content(option, value string) ([]byte, error) {
	if strings.HasPrefix(strings.TrimSpace(value), "-----BEGIN ") {
		return []byte(value), nil
	}
	b, err := os.ReadFile(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", option, err)
	}
	return b, nil
}

// roots are the certificates that are trusted; nil are the system's.
func (s Settings) roots(store *Store) (*x509.CertPool, error) {
	if s.CA == "" {
		return nil, nil
	}
	b, err := content("ca", s.CA)
	if err != nil {
		return nil, err
	}
	store.mu.Lock()
	defer store.mu.Unlock()
	return store.pools.get(func() (*x509.CertPool, error) {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(b) {
			return nil, errors.New("ca holds no certificate in PEM")
		}
		return pool, nil
	}, b)
}

func (s Settings) pair(store *Store) (*tls.Certificate, error) {
	cert, err := content("certificate", s.Certificate)
	if err != nil {
		return nil, err
	}
	key, err := content("key", s.Key)
	if err != nil {
		return nil, err
	}
	store.mu.Lock()
	defer store.mu.Unlock()
	return store.pairs.get(func() (*tls.Certificate, error) {
		open, err := opened(key, s.Password)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, open)
		if err != nil {
			return nil, fmt.Errorf("certificate and key: %w", err)
		}
		return &pair, nil
	}, cert, key, []byte(s.Password))
}

// Lasting are the settings that are needed when connections are configured; the
// texts of certificates and keys are long.
func (s Settings) Lasting() Settings {
	return Settings{Verify: s.Verify, ExpiryWarning: s.ExpiryWarning}
}

// opened decrypts the key in a file of PEM, when it is encrypted.
func opened(b []byte, password string) ([]byte, error) {
	for rest := b; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return b, nil
		}
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY":
			der, err := decryptPKCS8(block.Bytes, password)
			if err != nil {
				return nil, fmt.Errorf("key: %w", err)
			}
			return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
		case strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, errors.New("key: it is encrypted in the old form of PEM; write it anew with openssl pkcs8 -topk8")
		}
	}
}

// verify holds a certificate against what is trusted.
func verify(cs tls.ConnectionState, roots *x509.CertPool, server string) error {
	o := x509.VerifyOptions{Roots: roots, DNSName: server, Intermediates: x509.NewCertPool()}
	for _, c := range cs.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := cs.PeerCertificates[0].Verify(o)
	var ours x509.SystemRootsError
	if errors.As(err, &ours) { // this host has none to trust
		return &checker.LocalError{Err: err}
	}
	return err
}

// Ends returns when the first of the server's certificates ends; the zero Time
// when it showed none.
func Ends(cs tls.ConnectionState) time.Time {
	var end time.Time
	for _, c := range cs.PeerCertificates {
		if end.IsZero() || c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}

// Warning says that the server's certificate ends within expiry_warning, or is
// empty.
func (s Settings) Warning(cs tls.ConnectionState, now time.Time) string {
	end := Ends(cs)
	left := end.Sub(now)
	if s.ExpiryWarning <= 0 || end.IsZero() || left > time.Duration(s.ExpiryWarning) {
		return ""
	}
	day := end.UTC().Format("2006-01-02 15:04 UTC")
	if left < 0 {
		return "the server's certificate ended on " + day
	}
	return "the server's certificate ends on " + day
}

// Describe says of a connection what people want to know.
func Describe(cs tls.ConnectionState) string {
	text := tls.VersionName(cs.Version) + ", " + tls.CipherSuiteName(cs.CipherSuite)
	if cs.NegotiatedProtocol != "" {
		text += ", " + cs.NegotiatedProtocol
	}
	if len(cs.PeerCertificates) > 0 {
		c := cs.PeerCertificates[0]
		text += fmt.Sprintf("; certificate of %s by %s, from %s to %s", c.Subject, c.Issuer,
			c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly))
		if len(c.DNSNames) > 0 {
			text += ", for " + strings.Join(c.DNSNames, " ")
		}
	}
	return text
}
