/**
 * Compressed models as files: packed safetensors folders that can be read back bit for bit.
 *
 * <p>Start at {@link dev.bantam.export.PackedFile} (one file) and {@link
 * dev.bantam.export.ModelFolder} (the folder around it). The layout is in docs/formats.md.
 */
package dev.bantam.export;
