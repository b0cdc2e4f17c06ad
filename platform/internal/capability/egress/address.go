package egress

import (
	"net/netip"
	"strconv"
	"strings"
)

// reach says how an address may be dialled; what is worse is greater.
type reach int

const (
	public  reach = iota
	private       // only if the endpoint says allow_private
	never
)

// nets are the networks that are not public, the first match counts. Sources:
// IANA's special-purpose address registries (RFC 6890), and the clouds' own
// documentation for their metadata services.
var nets = []struct {
	net   netip.Prefix
	reach reach
}{
	{netip.MustParsePrefix("169.254.0.0/16"), never},     // link-local, metadata of most clouds
	{netip.MustParsePrefix("100.100.100.200/32"), never}, // metadata: Alibaba
	{netip.MustParsePrefix("168.63.129.16/32"), never},   // metadata: Azure's wire server
	{netip.MustParsePrefix("192.0.0.192/32"), never},     // metadata: Oracle
	{netip.MustParsePrefix("fd00:ec2::/32"), never},      // metadata: AWS
	{netip.MustParsePrefix("fd20:ce::/32"), never},       // metadata: Google
	{netip.MustParsePrefix("fe80::/10"), never},          // link-local
	{netip.MustParsePrefix("0.0.0.0/8"), never},          // this network; Linux takes it for loopback
	{netip.MustParsePrefix("::/128"), never},             // unspecified; as above
	{netip.MustParsePrefix("224.0.0.0/4"), never},        // multicast
	{netip.MustParsePrefix("ff00::/8"), never},           // multicast
	{netip.MustParsePrefix("255.255.255.255/32"), never}, // broadcast
	{netip.MustParsePrefix("127.0.0.0/8"), private},      // loopback
	{netip.MustParsePrefix("::1/128"), private},          // loopback
	{netip.MustParsePrefix("10.0.0.0/8"), private},       // RFC 1918
	{netip.MustParsePrefix("172.16.0.0/12"), private},    // RFC 1918
	{netip.MustParsePrefix("192.168.0.0/16"), private},   // RFC 1918
	{netip.MustParsePrefix("100.64.0.0/10"), private},    // carrier-grade NAT
	{netip.MustParsePrefix("fc00::/7"), private},         // unique local
	{netip.MustParsePrefix("fec0::/10"), private},        // site-local, deprecated
	{netip.MustParsePrefix("192.0.0.0/24"), private},     // IETF assignments
	{netip.MustParsePrefix("192.0.2.0/24"), private},     // documentation
	{netip.MustParsePrefix("198.51.100.0/24"), private},  // documentation
	{netip.MustParsePrefix("203.0.113.0/24"), private},   // documentation
	{netip.MustParsePrefix("2001:db8::/32"), private},    // documentation
	{netip.MustParsePrefix("198.18.0.0/15"), private},    // benchmarks
	{netip.MustParsePrefix("240.0.0.0/4"), private},      // reserved
	{netip.MustParsePrefix("2001::/23"), private},        // IETF assignments, Teredo among them
	{netip.MustParsePrefix("100::/64"), private},         // discard
	{netip.MustParsePrefix("2002::/16"), private},        // 6to4
	{netip.MustParsePrefix("64:ff9b::/96"), private},     // NAT64
	{netip.MustParsePrefix("64:ff9b:1::/48"), private},   // NAT64, local
	{netip.MustParsePrefix("::/96"), private},            // IPv4-compatible, deprecated
	{netip.MustParsePrefix("::ffff:0:0:0/96"), private},  // IPv4-translated
}

// judge says how an address may be dialled. One that holds an IPv4 address is
// no better than that one.
func judge(ip netip.Addr) reach {
	ip = ip.Unmap().WithZone("")
	is := public
	for _, n := range nets {
		if n.net.Contains(ip) {
			is = n.reach
			break
		}
	}
	if inner, ok := embedded(ip); ok {
		is = max(is, judge(inner))
	}
	return is
}

// embedded returns the IPv4 address that an IPv6 one would lead to: in bytes 2
// to 5 of 6to4 (RFC 3056), at the end of NAT64 (RFC 6052) and of its like.
func embedded(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() {
		return netip.Addr{}, false
	}
	b := ip.As16()
	switch {
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case b[0] == 0 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b,
		[8]byte(b[:8]) == [8]byte{} && ip != netip.IPv6Loopback() && ip != netip.IPv6Unspecified():
		return netip.AddrFrom4([4]byte(b[12:16])), true
	}
	return netip.Addr{}, false
}

// oddAddress reports whether a host is a number that is no IP address as it is
// written today, such as 0x7f.1, 127.1 or 2130706433. The C library of some
// hosts takes it for one (inet_aton), that of others asks the DNS for it.
func oddAddress(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || strings.Trim(last, "0123456789") == ""
}
