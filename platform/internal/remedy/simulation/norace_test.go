//go:build !race

package simulation_test

// histories is how many there are in every run.
const histories = 2000
