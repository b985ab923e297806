package config

// Key is where one key of a block was written. Name is the native key, with
// the nested table's key and a dot before it for those that keepalived writes
// flat, for example "garp.master_delay".
type Key struct {
	Name string
	At   Position
}

// Keys are the keys that a block wrote, in the order of the file.
type Keys []Key

// At returns where a key was last written, or otherwise when it was not.
func (k Keys) At(name string, otherwise Position) Position {
	for i := len(k) - 1; i >= 0; i-- {
		if k[i].Name == name {
			return k[i].At
		}
	}
	return otherwise
}

// Has reports whether a key was written.
func (k Keys) Has(name string) bool {
	for i := range k {
		if k[i].Name == name {
			return true
		}
	}
	return false
}
