package dev.bantam.report;

import java.util.List;

/**
 * Bytes of a packed file by whose they are and what they are for.
 *
 * @param group whose: {@code embeddings}, {@code encoder}, {@code head}, {@code rest} or {@code
 *     file}
 * @param part what for: {@code values}, {@code codes}, {@code scales}, {@code zero-points}, {@code
 *     masks}, {@code indices} or {@code header}
 * @param bytes number of bytes, 0 or more
 */
public record SizePart(String group, String part, long bytes) {
  static final List<String> GROUPS = List.of("embeddings", "encoder", "head", "rest", "file");
  static final List<String> PARTS =
      List.of("values", "codes", "scales", "zero-points", "masks", "indices", "header");

  public SizePart {
    if (!GROUPS.contains(group)) {
      throw new IllegalArgumentException("group is one of " + GROUPS + ", not '" + group + "'");
    }
    if (!PARTS.contains(part)) {
      throw new IllegalArgumentException("part is one of " + PARTS + ", not '" + part + "'");
    }
    if (bytes < 0) {
      throw new IllegalArgumentException("bytes of " + group + " " + part + " is " + bytes);
    }
  }
}
