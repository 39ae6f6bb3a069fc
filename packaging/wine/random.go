//go:build ignore

// random writes bcryptprimitives.dll into the folder that is named to it. Every Go
// program asks that library of Windows for random numbers when it starts, and Wine 8
// does not have it. Ours holds no code that counts: its only function, ProcessPrng, is
// a forwarder to one of advapi32 that does the same.
package main

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"log"
	"os"
	"path/filepath"
)

const (
	library   = "bcryptprimitives.dll"
	function  = "ProcessPrng"
	forwarder = "advapi32.SystemFunction036" // RtlGenRandom

	inFile   = 0x200  // a section's alignment in the file, and the size of the headers
	inMemory = 0x1000 // its alignment in memory: our one section begins there
)

// exports is a PE file's export directory with one function (IMAGE_EXPORT_DIRECTORY),
// and the three tables of one entry each that it points to.
type exports struct {
	_                         [12]byte // characteristics, date, version
	Name, Base                uint32
	Functions, Names          uint32
	FunctionAt, NameAt, OrdAt uint32

	Function, FunctionName uint32
	Ordinal                uint16
	_                      [6]byte
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run random.go FOLDER")
	}
	// A function that lies inside the export directory's bounds is a forwarder: what
	// stands there is a name, not code.
	const tables, strings = 40, 40 + 16
	e := exports{Base: 1, Functions: 1, Names: 1,
		FunctionAt: inMemory + tables, NameAt: inMemory + tables + 4, OrdAt: inMemory + tables + 8}
	texts := &bytes.Buffer{}
	text := func(s string) uint32 {
		at := inMemory + strings + texts.Len()
		texts.WriteString(s + "\x00")
		return uint32(at)
	}
	e.Name, e.FunctionName, e.Function = text(library), text(function), text(forwarder)

	section := &bytes.Buffer{}
	put(section, e)
	section.Write(texts.Bytes())
	size := uint32(section.Len())
	entry := inMemory + size
	section.Write([]byte{0xb8, 1, 0, 0, 0, 0xc3}) // the entry point: return TRUE

	file := &bytes.Buffer{}
	dos := [64]byte{'M', 'Z', 60: 64}
	file.Write(dos[:])
	file.WriteString("PE\x00\x00")
	header := pe.OptionalHeader64{Magic: 0x20b, ImageBase: 0x180000000,
		SectionAlignment: inMemory, FileAlignment: inFile, SizeOfHeaders: inFile,
		SizeOfCode: inFile, BaseOfCode: inMemory, AddressOfEntryPoint: entry, SizeOfImage: 2 * inMemory,
		MajorOperatingSystemVersion: 6, MajorSubsystemVersion: 6, Subsystem: pe.IMAGE_SUBSYSTEM_WINDOWS_CUI,
		DllCharacteristics: pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
		SizeOfStackReserve: 1 << 20, SizeOfStackCommit: 1 << 12, SizeOfHeapReserve: 1 << 20, SizeOfHeapCommit: 1 << 12,
		NumberOfRvaAndSizes: 16}
	header.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT] = pe.DataDirectory{VirtualAddress: inMemory, Size: size}
	put(file, pe.FileHeader{Machine: pe.IMAGE_FILE_MACHINE_AMD64, NumberOfSections: 1,
		SizeOfOptionalHeader: uint16(binary.Size(header)),
		Characteristics:      pe.IMAGE_FILE_EXECUTABLE_IMAGE | pe.IMAGE_FILE_LARGE_ADDRESS_AWARE | pe.IMAGE_FILE_DLL})
	put(file, header)
	put(file, pe.SectionHeader32{Name: [8]uint8{'.', 't', 'e', 'x', 't'}, VirtualAddress: inMemory,
		VirtualSize: uint32(section.Len()), SizeOfRawData: inFile, PointerToRawData: inFile,
		Characteristics: pe.IMAGE_SCN_CNT_CODE | pe.IMAGE_SCN_MEM_EXECUTE | pe.IMAGE_SCN_MEM_READ})
	pad(file, inFile)
	file.Write(section.Bytes())
	pad(file, 2*inFile)
	if err := os.WriteFile(filepath.Join(os.Args[1], library), file.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}

func put(b *bytes.Buffer, v any) {
	if err := binary.Write(b, binary.LittleEndian, v); err != nil {
		log.Fatal(err)
	}
}

func pad(b *bytes.Buffer, size int) { b.Write(make([]byte, size-b.Len())) }
