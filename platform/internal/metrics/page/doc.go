// Package page is the format in which history rests: sorted samples of many
// series in one compressed row.
//
// It promises the metric store that what was put in comes out bit for bit,
// NaN's payload and the sign of zero included; that a reader decodes only the
// series and times it asks for; and that bytes which are not a page are an
// error, found without reading outside them or allocating on their word.
//
// A page is
//
//	byte 1 (version) | zstd frame of
//	    uvarint chunks | directory | times | values
//
// and its directory has per chunk, in order of series and then of time
//
//	uvarint series - series before | uvarint samples | byte coding
//	varint first time, in units | uvarint last time - first time, in units
//	uvarint length of its times | uvarint length of its values
//
// coding has the unit of time in its low two bits (0 ns, 1 µs, 2 ms, 3 s) and
// the coding of values above: 0 the XOR of neighbours (Pelkonen et al.,
// Gorilla, VLDB 2015) in whole bytes, 1 decimals, 2 decimals that rise. Times
// are the delta of deltas from the second sample on. Decimals are whole
// numbers n of which each stands for n/10^e, as most measurements are; they
// are stored only when every value comes back exactly. Whole bytes, not bits,
// because zstd squeezes the rest out and finds what series have in common,
// such as the times of one scrape.
//
// It leaves checksums, files and the meaning of series to others.
package page
