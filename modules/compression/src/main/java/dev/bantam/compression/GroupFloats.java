package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.BantamException;

/** One stored number a group: its scale or its offset. */
final class GroupFloats {
  private final String suffix;
  private final Groups groups;
  private final SafetensorsType type;
  private final float[] values;
  private final byte[] bytes;

  private GroupFloats(
      String suffix, Groups groups, SafetensorsType type, float[] values, byte[] bytes) {
    this.suffix = suffix;
    this.groups = groups;
    this.type = type;
    this.values = values;
    this.bytes = bytes;
  }

  /**
   * @param values by group, finite and exact in {@code type}: whoever computes codes must do it
   *     with the stored scale, not with one that is rounded afterwards
   * @param type F32 or F16
   */
  static GroupFloats of(String suffix, Groups groups, float[] values, SafetensorsType type) {
    if (values.length != groups.count()) {
      throw new IllegalArgumentException(
          values.length + " numbers for " + groups.count() + " groups");
    }
    final byte[] bytes = DenseTensor.toBytes(values, DenseTensor.requireFloat(type));
    final float[] stored = DenseTensor.toFloats(bytes, type);
    for (int g = 0; g < values.length; g++) {
      if (!Float.isFinite(values[g]) || stored[g] != values[g]) {
        throw new IllegalArgumentException(
            "Number " + values[g] + " of group " + g + " is not one of " + type);
      }
    }
    return new GroupFloats(suffix, groups, type, stored, bytes);
  }

  static GroupFloats decode(FormReader in, String suffix, Groups groups) {
    final StoredEntry entry = in.floats(suffix, groups.down(), groups.across());
    final float[] values = DenseTensor.toFloats(entry.bytes(), entry.type());
    for (int g = 0; g < values.length; g++) {
      if (!Float.isFinite(values[g])) {
        throw BantamException.badInput(
            "its entry '" + suffix + "' holds " + values[g] + " for group " + g + ".");
      }
    }
    return new GroupFloats(suffix, groups, entry.type(), values, entry.bytes());
  }

  float at(int group) {
    return values[group];
  }

  boolean hasZero() {
    for (float value : values) {
      if (value == 0f) {
        return true;
      }
    }
    return false;
  }

  SafetensorsType type() {
    return type;
  }

  /** All numbers; a copy. */
  float[] values() {
    return values.clone();
  }

  /** F32 or F16 [down, across]. */
  StoredEntry entry() {
    return new StoredEntry(suffix, type, new long[] {groups.down(), groups.across()}, bytes);
  }
}
