package doctor

import (
	"strings"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// within runs f in a network namespace; empty stands for this one. What f starts to
// run beside it is not in there.
func within(space string, f func() error) error {
	if space == "" {
		return f()
	}
	ns, err := netns.Open(space)
	if err != nil {
		return err
	}
	defer ns.Close()
	return ns.Do(f)
}

// inSpace looks at what is in a network namespace, which a keyword gave; empty stands
// for this one.
func inSpace(keyword, space string, look func() []Finding) (list []Finding) {
	if space == "" {
		return look()
	}
	err := within(space, func() error {
		list = look()
		return nil
	})
	if err != nil {
		return []Finding{{Problem, keyword + " " + space, "cannot be looked at: " + err.Error(), "ip netns add makes one; to enter it takes root"}}
	}
	for i := range list {
		x := &list[i]
		x.What += " in " + keyword + " " + space
		if strings.HasPrefix(x.Advice, "sysctl ") || strings.HasPrefix(x.Advice, "ip link set ") {
			x.Advice = enters(space) + " " + x.Advice
		}
		// What sysctl.d says is set at boot, when the namespace is not there yet.
		x.Advice = strings.ReplaceAll(x.Advice, atBoot, ", each time that the namespace is made")
	}
	return list
}

// enters is how a command is run in a network namespace: ip netns knows names only.
func enters(space string) string {
	if strings.Contains(space, "/") {
		return "nsenter --net=" + space
	}
	return "ip netns exec " + space
}
