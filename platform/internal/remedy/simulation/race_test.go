//go:build race

package simulation_test

// histories is how many there are in every run: the race detector, which has
// little to find in a pure function, makes each ten times as long.
const histories = 100
