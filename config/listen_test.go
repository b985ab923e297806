package config

import "testing"

func TestListen(t *testing.T) {
	for text, good := range map[string]bool{
		"127.0.0.1:9650": true, "[::1]:9650": true, ":9650": true, "unix:/run/m.sock": true,
		"localhost:9650": false, "127.0.0.1": false, "127.0.0.1:99999": false, "unix:m.sock": false, "": false, "127.0.0.1:http": false,
	} {
		var l Listen
		if err := l.UnmarshalText([]byte(text)); (err == nil) != good || good && string(l) != text {
			t.Errorf("%q: %v, %q", text, err, l)
		}
	}
}
