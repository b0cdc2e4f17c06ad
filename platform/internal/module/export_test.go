package module

import "encoding/json"

// SettingsOf reads module.yaml and makes the schema that a build would embed.
func SettingsOf(dir string) (json.RawMessage, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	return settingsOf(dir, m)
}
