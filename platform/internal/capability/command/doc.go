// Package command runs the commands that action modules may ask for: command
// lines that the operator wrote, with placeholders that a module fills.
//
// It promises the operator that nothing but the placeholders is a guest's to
// choose, and each of them only within its own grammar, a pattern that holds
// for the whole value. A value stays one word: there is no shell to split or
// expand it. It is never taken for an option: a configuration in which it could
// be is refused. The program is the file that was opened and checked, run
// through that file, so that neither a search path nor a link that is swapped
// meanwhile has a say; its digest is in the reply. Its environment is the
// configuration's, empty by default, and its input is empty.
//
// It promises the host that a command ends: at its deadline, and when its first
// process has ended, all that is left of its process group is killed; a Vigil
// that dies takes it along. Only one run of a command is under way at a time.
// At most 64 KiB of its output are kept, as UTF-8, without the secrets of the
// configuration.
//
// Programs that run whatever they are told to (shells, interpreters, find, tar,
// git, ssh, docker) would make any grant of the command a grant of the host.
// They are refused, scripts too, unless the configuration says
// i_accept_root_equivalent: true. They are known by their names, in whatever
// version or variant, and by being the same file or having the same bytes as one
// that this host has under such a name; what is neither machine code nor a script
// is refused like a script. That is no proof: what a program does with a value of
// its grammar is the operator's to know.
//
// A descendant that leaves the process group is not followed. Whether a module
// may run a command, how often, and whether its lease still holds is left to
// the broker: may is asked right before the command starts.
package command
