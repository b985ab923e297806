package mail

import (
	"errors"
	"fmt"
	stdmail "net/mail"
	"os"
	"os/user"
	"strings"
	"time"
)

// Config says whom to send to, and how.
type Config struct {
	// Host is the relay's name or address, Port its TCP port.
	Host string
	Port int
	// Helo is the name told to the relay; the host's when empty.
	Helo string
	// From is the sender; the user and the host that the daemon runs as when
	// empty. An address without a domain, here and in To, is of this host.
	From string
	// To are the recipients.
	To []string
	// Timeout bounds the connection, and each mail after it.
	Timeout time.Duration
}

// Complete returns c with what was left out filled in, or the error that it
// cannot be used, which names what is wrong.
func (c Config) Complete() (Config, error) {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	if c.Host == "" || len(c.To) == 0 || c.Timeout <= 0 || c.Port <= 0 {
		return Config{}, errors.New("mail: a relay, its port, a time limit and a recipient are needed")
	}
	if c.Helo == "" {
		c.Helo = host
	}
	if c.From == "" {
		c.From = "root"
		if u, err := user.Current(); err == nil {
			c.From = u.Username
		}
	}
	if c.From, err = address(c.From, host); err != nil {
		return Config{}, fmt.Errorf("mail: sender: %w", err)
	}
	var to []string
	for _, one := range c.To {
		a, err := address(one, host)
		if err != nil {
			return Config{}, fmt.Errorf("mail: recipient: %w", err)
		}
		to = append(to, a)
	}
	c.To = to
	return c, nil
}

// address completes an address and sees that it is one.
func address(text, host string) (string, error) {
	if !strings.Contains(text, "@") {
		text += "@" + host
	}
	if _, err := stdmail.ParseAddress(text); err != nil {
		return "", fmt.Errorf("%q is no mail address: %w", text, err)
	}
	return text, nil
}
