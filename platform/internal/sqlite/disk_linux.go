package sqlite

import "syscall"

// networkDisk reports whether dir lies on a file system whose sync does not
// reach a disk this machine owns. What cannot be told counts as local.
func networkDisk(dir string) (kind string, remote bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return "", false
	}
	switch uint32(s.Type) { // the kernel's magic numbers are 32 bits wide
	case 0x6969:
		return "nfs", true
	case 0xff534d42, 0xfe534d42, 0x517b:
		return "smb", true
	case 0x73757245:
		return "coda", true
	default:
		return "", false
	}
}
