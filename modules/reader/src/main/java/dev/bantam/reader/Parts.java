package dev.bantam.reader;

import java.util.Arrays;
import java.util.Map;
import java.util.Set;

/** The entries of one tensor: its name with a suffix each. */
final class Parts {
  private final String tensor;
  private final Map<String, Entry> entries;
  private final Set<String> unclaimed;
  private final Place place;

  /**
   * @param unclaimed names of the entries that no tensor has asked for so far; changed
   */
  Parts(String tensor, Map<String, Entry> entries, Set<String> unclaimed, Place place) {
    this.tensor = tensor;
    this.entries = entries;
    this.unclaimed = unclaimed;
    this.place = place;
  }

  Entry bytes(String suffix, long... shape) throws PackedModelException {
    return shaped(bytesOfAnyShape(suffix), shape);
  }

  /** U8 of one dimension. */
  Entry byteList(String suffix) throws PackedModelException {
    return list(bytesOfAnyShape(suffix));
  }

  Entry floats(String suffix, long... shape) throws PackedModelException {
    return shaped(floatsOfAnyShape(suffix), shape);
  }

  /** F32 or F16 of one dimension. */
  Entry floatList(String suffix) throws PackedModelException {
    return list(floatsOfAnyShape(suffix));
  }

  /** F32 or F16. */
  Entry floatsOfAnyShape(String suffix) throws PackedModelException {
    final Entry entry = claim(suffix);
    if (entry.type() != ElementType.F32 && entry.type() != ElementType.F16) {
      throw place.refuse("its entry '%s' is %s, not F32 or F16", entry.name(), entry.type());
    }
    return entry;
  }

  private Entry bytesOfAnyShape(String suffix) throws PackedModelException {
    final Entry entry = claim(suffix);
    if (entry.type() != ElementType.U8) {
      throw place.refuse("its entry '%s' is %s, not U8", entry.name(), entry.type());
    }
    return entry;
  }

  private Entry claim(String suffix) throws PackedModelException {
    final String name = tensor + suffix;
    final Entry entry = entries.get(name);
    if (entry == null) {
      throw place.refuse("its entry '%s' is missing", name);
    }
    if (!unclaimed.remove(name)) {
      throw place.refuse("its entry '%s' belongs to another tensor already", name);
    }
    return entry;
  }

  private Entry shaped(Entry entry, long[] shape) throws PackedModelException {
    if (!Arrays.equals(entry.shape(), shape)) {
      throw place.refuse(
          "its entry '%s' is %s, and its attributes say %s",
          entry.name(), Arrays.toString(entry.shape()), Arrays.toString(shape));
    }
    return entry;
  }

  private Entry list(Entry entry) throws PackedModelException {
    if (entry.shape().length != 1) {
      throw place.refuse(
          "its entry '%s' is %s, and has to have one dimension",
          entry.name(), Arrays.toString(entry.shape()));
    }
    return entry;
  }
}
