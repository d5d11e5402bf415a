package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.BantamException;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a file holds for one tensor, read key by key. Whatever is missing, damaged or does not fit
 * is refused, and so is what nobody read: {@link #finish}.
 */
final class FormReader {
  private final String form;
  private final Map<String, String> attributes;
  private final Map<String, StoredEntry> entries;

  FormReader(String form, Map<String, String> attributes, Map<String, StoredEntry> entries) {
    this.form = form;
    this.attributes = new TreeMap<>(attributes);
    this.entries = new TreeMap<>(entries);
  }

  /** The attribute {@code shape}. */
  MatrixShape shape() {
    return MatrixShape.parse(text("shape"));
  }

  String text(String key) {
    final String value = attributes.remove(key);
    if (value == null) {
      throw BantamException.badInput("its attribute '" + key + "' of " + form + " is missing.");
    }
    return value;
  }

  /** A whole number in [min, max]. */
  int integer(String key, int min, int max) {
    final String text = text(key);
    try {
      final int value = Integer.parseInt(text);
      if (value >= min && value <= max) {
        return value;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw BantamException.badInput(
        "its attribute '"
            + key
            + "' is '"
            + text
            + "', not a whole number in ["
            + min
            + ", "
            + max
            + "].");
  }

  /**
   * A number that divides another, 1 if the attribute is absent.
   *
   * @param most largest value
   */
  int runWidth(String key, int divided, int most) {
    if (!attributes.containsKey(key)) {
      return 1;
    }
    final int width = integer(key, 2, most);
    if (divided % width != 0) {
      throw BantamException.badInput(
          "its attribute '" + key + "' is " + width + " and does not divide " + divided + ".");
    }
    return width;
  }

  /** One of an enum's constants, in lower case. */
  <E extends Enum<E>> E choice(String key, Class<E> type) {
    final String text = text(key);
    for (E constant : type.getEnumConstants()) {
      if (constant.name().toLowerCase(Locale.ROOT).equals(text)) {
        return constant;
      }
    }
    throw BantamException.badInput(
        "its attribute '" + key + "' is '" + text + "', which is not known.");
  }

  boolean has(String suffix) {
    return entries.containsKey(suffix);
  }

  /** An entry of any type and shape; as many bytes as these say. */
  StoredEntry entry(String suffix) {
    final StoredEntry entry = entries.remove(suffix);
    if (entry == null) {
      throw BantamException.badInput(
          "its entry " + label(suffix) + " is missing; " + form + " cannot be read without.");
    }
    if (entry.bytes().length != length(suffix, entry)) {
      throw BantamException.badInput(
          "its entry "
              + label(suffix)
              + " has "
              + entry.bytes().length
              + " bytes, but "
              + describe(entry.type(), entry.shape())
              + " takes "
              + length(suffix, entry)
              + ".");
    }
    return entry;
  }

  private static long length(String suffix, StoredEntry entry) {
    long bits = entry.type().bits();
    for (long size : entry.shape()) {
      if (size < 0 || (size > 0 && bits > Long.MAX_VALUE / size)) {
        throw BantamException.badInput(
            "its entry "
                + label(suffix)
                + " has the impossible shape "
                + Arrays.toString(entry.shape())
                + ".");
      }
      bits *= size;
    }
    return bits / 8;
  }

  /** The bytes of an entry that must have this type and shape. */
  byte[] bytes(String suffix, SafetensorsType type, long... shape) {
    final StoredEntry entry = entry(suffix);
    if (entry.type() != type || !Arrays.equals(entry.shape(), shape)) {
      throw unfit(suffix, entry, type.name(), shape);
    }
    return entry.bytes();
  }

  /** An entry of F32 or F16 that must have this shape. */
  StoredEntry floats(String suffix, long... shape) {
    final StoredEntry entry = entry(suffix);
    if (!isFloat(entry.type()) || !Arrays.equals(entry.shape(), shape)) {
      throw unfit(suffix, entry, "F32 or F16", shape);
    }
    return entry;
  }

  /** An entry of one dimension and F32 or F16. */
  StoredEntry floatVector(String suffix) {
    final StoredEntry entry = entry(suffix);
    if (!isFloat(entry.type()) || entry.shape().length != 1) {
      throw BantamException.badInput(
          "its entry "
              + label(suffix)
              + " is "
              + describe(entry.type(), entry.shape())
              + ", but must be a vector of F32 or F16.");
    }
    return entry;
  }

  /** Bytes of an entry of one dimension and U8. */
  byte[] byteVector(String suffix) {
    final StoredEntry entry = entry(suffix);
    if (entry.type() != SafetensorsType.U8 || entry.shape().length != 1) {
      throw BantamException.badInput(
          "its entry "
              + label(suffix)
              + " is "
              + describe(entry.type(), entry.shape())
              + ", but must be a vector of U8.");
    }
    return entry.bytes();
  }

  private static boolean isFloat(SafetensorsType type) {
    return type == SafetensorsType.F32 || type == SafetensorsType.F16;
  }

  private BantamException unfit(String suffix, StoredEntry found, String type, long[] shape) {
    return BantamException.badInput(
        "its entry "
            + label(suffix)
            + " is "
            + describe(found.type(), found.shape())
            + ", but "
            + form
            + " of this shape needs "
            + type
            + " "
            + Arrays.toString(shape)
            + ".");
  }

  private static String describe(SafetensorsType type, long[] shape) {
    return type + " " + Arrays.toString(shape);
  }

  private static String label(String suffix) {
    return suffix.isEmpty() ? "without a suffix" : "'" + suffix + "'";
  }

  /** Refuses attributes and entries that this form does not have. */
  void finish() {
    if (!attributes.isEmpty() || !entries.isEmpty()) {
      throw BantamException.badInput(
          "it has more than "
              + form
              + " needs: attributes "
              + attributes.keySet()
              + ", entries "
              + entries.keySet()
              + ".");
    }
  }
}
