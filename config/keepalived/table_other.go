package keepalived

import "strings"

// The rows of BFD and of the trackers that are not built. They are known so
// that a misspelling in them is found; one warning for each block says that
// nothing comes of it.

// otherRootKeywords are allowed at the top level of the file.
func otherRootKeywords() []keyword {
	return []keyword{
		{name: "bfd_instance", status: warns, max: -1, named: true, repeats: true, body: "bfd_instance"},
		{name: "garp_group", status: warns, max: -1, repeats: true, body: "garp_group"},
		{name: "track_file", status: warns, max: -1, named: true, repeats: true, body: "track_file"},
		{name: "vrrp_track_file", status: warns, max: -1, named: true, repeats: true, body: "track_file"},
		{name: "vrrp_track_process", status: warns, max: -1, named: true, repeats: true, body: "vrrp_track_process"},
	}
}

// words makes rows of words separated by blanks; one written WORD:BLOCK takes
// a body of that block, WORD: one of free lines.
func words(text string) []keyword {
	var ks []keyword
	for _, w := range strings.Fields(text) {
		k := keyword{status: warns, max: -1, repeats: true}
		var body bool
		k.name, k.body, body = strings.Cut(w, ":")
		if body && k.body == "" {
			k.line = skipLine
		}
		ks = append(ks, k)
	}
	return ks
}

// otherBlocks are the blocks below otherRootKeywords.
func otherBlocks() map[string][]keyword {
	blocks := map[string]string{
		"bfd_instance": "source_ip neighbor_ip neighbour_ip min_rx min_tx idle_tx multiplier passive ttl hoplimit max_hops multihop weight vrrp checker",
		"garp_group":   "garp_interval gna_interval interface interfaces:",
		"track_file":   "file weight init_file",
		"vrrp_track_process": `process param_match weight quorum quorum_max delay terminate_delay fork_delay
			full_command`,
	}
	out := make(map[string][]keyword, len(blocks))
	for name, text := range blocks {
		out[name] = words(text)
	}
	return out
}
