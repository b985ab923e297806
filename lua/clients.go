package lua

import (
	"embed"
	"strings"
)

// clients are scripts of ours that speak to well-known servers, for any script
// to require: client.redis is client/redis.lua. They have no more rights than
// the script that requires them.
//
//go:embed client/*.lua client/lib/*.lua
var clients embed.FS

// clientNames returns the names of the clients, sorted.
func clientNames() []string {
	entries, err := clients.ReadDir("client")
	if err != nil {
		panic("lua: the clients are not embedded: " + err.Error())
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() { // what they share
			continue
		}
		names = append(names, "client."+strings.TrimSuffix(e.Name(), ".lua"))
	}
	return names
}
