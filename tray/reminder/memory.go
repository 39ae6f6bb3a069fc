package reminder

import (
	"encoding/json"
	"os"
	"path/filepath"

	"keytender/internal/atomicfile"
)

// memoryName is the file in the state folder that holds the Memory.
const memoryName = "notices.json"

// Load reads what was told. A file that cannot be read costs a repeated
// notification at worst, so it counts as empty.
func Load(dir string) Memory {
	data, err := os.ReadFile(filepath.Join(dir, memoryName))
	if err != nil {
		return Memory{}
	}
	m := Memory{}
	if json.Unmarshal(data, &m) != nil || m == nil {
		return Memory{}
	}
	for account, t := range m {
		if t.Step < Far || t.Step > Over {
			delete(m, account)
		}
	}
	return m
}

// Save replaces the file as a whole, so that a crash leaves the old one.
func Save(dir string, m Memory) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, memoryName), data)
}
