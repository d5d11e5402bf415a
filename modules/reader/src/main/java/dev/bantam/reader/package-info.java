/**
 * Loads the weights of a model folder with nothing but the JDK.
 *
 * <p>Start at {@link dev.bantam.reader.PackedModel}. It reads packed folders, as written by Bantam,
 * and plain safetensors folders, in one file or in shards. The layout is that of {@code
 * docs/formats.md}; the code here was written from that document alone and shares nothing with the
 * writer, so that each is a test of the other.
 */
package dev.bantam.reader;
