package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.CompressedTensor.Part;
import java.util.Map;
import java.util.Objects;

/**
 * One tensor of a file that holds a part of a compressed tensor.
 *
 * @param suffix what follows the parameter's name, one of the constants here; empty where a single
 *     entry is the whole parameter
 * @param type type of the elements
 * @param shape dimensions as the file states them
 * @param bytes little endian, in C order; owned by the entry
 */
@SuppressWarnings("ArrayRecordComponent") // handed to the writer, compared nowhere
public record StoredEntry(String suffix, SafetensorsType type, long[] shape, byte[] bytes) {
  /** The only entry of a dense tensor. */
  public static final String WHOLE = "";

  public static final String VALUES = ".values";
  public static final String CODES = ".codes";
  public static final String SCALES = ".scales";
  public static final String OFFSETS = ".offsets";
  public static final String ZERO_POINTS = ".zero_points";
  public static final String MASK = ".mask";
  public static final String INDICES = ".indices";

  private static final Map<String, Part> PARTS =
      Map.of(
          WHOLE, Part.VALUES,
          VALUES, Part.VALUES,
          CODES, Part.CODES,
          SCALES, Part.SCALES,
          OFFSETS, Part.SCALES,
          ZERO_POINTS, Part.ZERO_POINTS,
          MASK, Part.MASKS,
          INDICES, Part.INDICES);

  public StoredEntry {
    Objects.requireNonNull(type, "type");
    if (!PARTS.containsKey(suffix)) {
      throw new IllegalArgumentException("No part of a tensor is stored under '" + suffix + "'");
    }
  }

  /** Whether a form stores anything under that suffix. */
  public static boolean isSuffix(String suffix) {
    return PARTS.containsKey(suffix);
  }

  /** What the bytes are for. */
  public Part part() {
    return PARTS.get(suffix);
  }
}
