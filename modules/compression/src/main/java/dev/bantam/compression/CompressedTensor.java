package dev.bantam.compression;

import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * One parameter in the form in which it is stored.
 *
 * <p>A form restores itself, knows every byte that it takes in a file, and comes back from its
 * stored entries bit for bit: {@code decode(form(), attributes(), encode())} has the same
 * attributes and entries and restores the same bits. All forms are immutable; the arrays they hand
 * out are copies or are not written to.
 */
public sealed interface CompressedTensor
    permits DenseTensor,
        BitmaskTensor,
        IndexTensor,
        NOfMTensor,
        GroupedTensor,
        SparseGroupedTensor,
        BinaryTensor,
        TernaryTensor {

  /** What a stored byte is for; the rows of every size table. */
  enum Part {
    /** Values kept as floating point numbers. */
    VALUES,
    /** Integer codes of quantized values, signs included. */
    CODES,
    /** Scales, and offsets in the unit of the values. */
    SCALES,
    /** Integer zero points. */
    ZERO_POINTS,
    /** One bit a weight that says whether it is stored. */
    MASKS,
    /** Positions of stored weights. */
    INDICES;

    /** The name in reports: lower case with hyphens. */
    public String id() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  /** Name of the form in files, e.g. {@code dense} or {@code bitmask-sparse}. */
  String form();

  /** Shape of the restored tensor; a copy. */
  long[] shape();

  /** The restored tensor, float32, newly allocated; the same bits every time. */
  INDArray dense();

  /** Everything beside the entries that decoding needs, in a fixed order; texts for JSON. */
  Map<String, String> attributes();

  /** The tensors that a file holds for this one, in a fixed order. */
  List<StoredEntry> encode();

  /** Bytes of all entries; the file's header is not included. */
  default long storedBytes() {
    return encode().stream().mapToLong(e -> e.bytes().length).sum();
  }

  /** Bytes of all entries by what they are for; they add up to {@link #storedBytes()}. */
  default Map<Part, Long> parts() {
    final Map<Part, Long> parts = new EnumMap<>(Part.class);
    for (StoredEntry entry : encode()) {
      parts.merge(entry.part(), (long) entry.bytes().length, Long::sum);
    }
    return parts;
  }

  /**
   * Restores a form from what a file holds.
   *
   * @param form as {@link #form()}
   * @param attributes as {@link #attributes()}
   * @param entries the stored entries by suffix; surplus ones are refused
   * @throws dev.bantam.tensor.BantamException (bad input) saying what is missing, surplus or does
   *     not fit together; nothing is allocated before the lengths were checked
   */
  static CompressedTensor decode(
      String form, Map<String, String> attributes, Map<String, StoredEntry> entries) {
    return CompressedTensors.decode(form, attributes, entries);
  }
}
