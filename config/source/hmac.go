package source

import "github.com/moonkeep/moonkeep/config"

// signing checks the keys of auth_hmac. No message repeats one.
func (r *reader) signing(t *table, in *config.Instance) {
	h := in.HMAC
	f := t.v.get("auth_hmac")
	if h == nil || f == nil || f.value.kind != kindTable {
		return
	}
	what := t.what + ": auth_hmac"
	seen := make(map[int]bool)
	for i := range h.Keys {
		k := &h.Keys[i]
		if k.Written.Has("secret") {
			if err := config.CheckSecret(k.Secret); err != nil {
				r.error(k.Written.At("secret", k.At), "wrong-value", "%s: key %d: %v", what, k.ID, err)
			}
		}
		if k.Written.Has("id") && seen[k.ID] {
			r.error(k.Written.At("id", k.At), "given-twice", "%s: there is a key %d already", what, k.ID)
		}
		seen[k.ID] = true
	}
	if h.Written.Has("active_key") && len(h.Keys) > 0 && !seen[h.ActiveKey] {
		r.error(h.Written.At("active_key", f.at), "wrong-value", "%s: active_key %d names none of the keys", what, h.ActiveKey)
	}
	if t.has("authentication") {
		r.error(t.place("authentication"), "authentication-dropped", "%s: auth_hmac takes the place of authentication: take one of them out", t.what)
	}
}

// transition checks that both versions can be sent.
func (r *reader) transition(t *table, in *config.Instance) {
	refuse := func(wrong bool, text string) {
		if wrong {
			r.error(t.place("interop_v2"), "exclusive-keys", "%s: interop_v2 %s", t.what, text)
		}
	}
	refuse(in.InteropV2 && in.Version != 3, "is for an instance of version 3, which then sends version 2 as well: write version: 3")
	refuse(in.InteropV2 && in.Six(), "is for IPv4: version 2 knows no IPv6")
}

// acceptance checks what becomes of packets to the addresses.
func (r *reader) acceptance(t *table, in *config.Instance) {
	if in.Accept && in.NoAccept {
		r.error(t.place("no_accept"), "exclusive-keys", "%s: accept and no_accept exclude each other: take one of them out", t.what)
	}
}
