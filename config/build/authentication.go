package build

import (
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// authenticate sets how adverts are authenticated. Whoever read the
// configuration left at most one way of it.
func authenticate(r *vrrp.Config, in *config.Instance) {
	switch {
	case in.HMAC != nil:
		r.HMAC = signing(in.HMAC)
		return
	case in.AuthType == "PASS":
		r.Auth = vrrp.AuthPass
	case in.AuthType == "AH":
		r.Auth = vrrp.AuthAH
	default:
		return
	}
	copy(r.Password[:], in.AuthPass)
}

// signing returns how adverts are signed. A key that stands outside of the
// configuration and was not read is empty: nothing verifies with it.
func signing(h *config.HMAC) vrrp.HMAC {
	s := vrrp.HMAC{Mode: vrrp.HMACEnforce, Active: uint8(h.ActiveKey), Window: h.TimeWindow, Monotonic: h.AntiReplay == "monotonic"}
	switch h.Mode {
	case "permissive":
		s.Mode = vrrp.HMACPermissive
	case "receive-only":
		s.Mode = vrrp.HMACReceiveOnly
	}
	for i := range h.Keys {
		s.Keys = append(s.Keys, vrrp.Key{ID: uint8(h.Keys[i].ID), Secret: material(&h.Keys[i])})
	}
	return s
}

func material(k *config.HMACKey) vrrp.Secret {
	if kind, _ := config.SecretPlace(k.Secret); kind != "" {
		return vrrp.Secret(k.Material)
	}
	key, err := config.ParseKey(k.Secret)
	if err != nil {
		return nil // whoever read it has said so
	}
	return vrrp.Secret(key)
}
