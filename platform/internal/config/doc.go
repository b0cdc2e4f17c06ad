// Package config turns a YAML file, VIGIL_* variables and flags into options.
//
// It promises the operator that no file is needed, that a flag beats the
// environment, the environment the file and the file the default, and that a
// key nobody knows is an error with its line and a caret, never silence. It
// alone imports a YAML library, so policies written as YAML pass through here
// on their way to the dictionary's JSON. What the options mean is left to app.
package config
