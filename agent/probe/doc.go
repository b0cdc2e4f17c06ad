// Package probe measures a Linux host and its services through /proc.
//
// It promises the agent one list of samples per call, all of the same time,
// each labelled with the host:
//
//	host_cpu                                    share of all cores in use, 0 to 1
//	host_memory                                 share of memory in use, 0 to 1
//	host_load1                                  load average of a minute
//	host_disk{mount}                            share of a local file system in use, 0 to 1
//	host_network_receive_bytes_per_second{device}
//	host_network_transmit_bytes_per_second{device}
//	service_up{service}                         1 while the service's process lives, else 0
//	service_pid{service}                        that process
//	service_cpu{service}                        cores in use by it and its descendants
//	service_rss_bytes{service}                  resident memory of them all
//
// What cannot be read is left out, never guessed: rates appear with the second
// measurement. It starts no process and no goroutine, and needs no privilege.
//
// Which services there are, and what their pids are, is left to the caller;
// keeping and sending samples to spool and ship.
package probe
