package track

// What a product of a file's number and a weight comes to at most, and from
// where on it is a fault. They are keepalived's.
const (
	mostProduct  = 253
	faultProduct = -254
)

// FileEffect returns what a file with this number does to a router that tracks
// it: the addend to its priority, and whether the router is at fault. The
// addend is the product of number and weight, negated with reverse, at most
// 253; a product of -254 or less is a fault. With weight 0 any number but 0 is
// a fault, with reverse 0 is. It is what keepalived does.
func FileEffect(value int64, weight int, reverse bool) (addend int, fault bool) {
	if weight == 0 {
		return 0, (value != 0) != reverse
	}
	// A greater number comes to the same, and could overflow.
	const most = 1 << 20
	product := min(max(value, -most), most) * int64(weight)
	if reverse {
		product = -product
	}
	if product <= faultProduct {
		return 0, true
	}
	return int(min(product, mostProduct)), false
}
