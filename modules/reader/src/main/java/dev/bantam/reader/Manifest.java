package dev.bantam.reader;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The metadata entry {@code bantam} of a packed file: which tensors there are, in which form. */
final class Manifest {
  /** The metadata entry's name. */
  static final String KEY = "bantam";

  private static final long VERSION = 1;

  /** Layout of models that do more than multiply with their weights. */
  private static final int WITH_OPERATIONS = 2;

  private Manifest() {}

  /** The tensors in the model's order. */
  static Map<String, Stored> read(SafetensorsHeader header, Place place) throws IOException {
    final Map<String, Map<String, String>> listed = parse(header.metadata().get(KEY), place);
    final Set<String> unclaimed = new TreeSet<>(header.entries().keySet());
    final Map<String, Stored> tensors = new LinkedHashMap<>();
    for (final Map.Entry<String, Map<String, String>> tensor : listed.entrySet()) {
      final Place at = place.at(tensor.getKey());
      final Parts parts = new Parts(tensor.getKey(), header.entries(), unclaimed, at);
      tensors.put(tensor.getKey(), stored(new Attributes(tensor.getValue(), at), parts, at));
    }
    if (!unclaimed.isEmpty()) {
      throw place.refuse("these entries belong to no tensor that is listed: %s", unclaimed);
    }
    return tensors;
  }

  private static Map<String, Map<String, String>> parse(String text, Place place)
      throws IOException {
    final JsonText json = JsonText.of(text, "the metadata entry '" + KEY + "'", place);
    final boolean[] versioned = new boolean[1];
    final Map<String, Map<String, String>> tensors = new LinkedHashMap<>();
    final boolean[] listed = new boolean[1];
    json.object(
        name -> {
          switch (name) {
            case "version" -> {
              versioned[0] = true;
              checkVersion(json.count(), place);
            }
            case "tensors" -> {
              listed[0] = true;
              json.object(tensor -> tensors.put(tensor, attributes(json)));
            }
            default -> json.skip();
          }
        });
    json.end();
    if (!versioned[0] || !listed[0]) {
      throw json.refuse("it has to have the keys 'version' and 'tensors'");
    }
    return tensors;
  }

  private static Map<String, String> attributes(JsonText json) throws IOException {
    final Map<String, String> attributes = new LinkedHashMap<>();
    json.object(name -> attributes.put(name, json.text()));
    return attributes;
  }

  private static void checkVersion(long version, Place place) throws PackedModelException {
    if (version == WITH_OPERATIONS) {
      throw place.refuse(
          "the model has operations beside its weights (layout version %d), so its weights alone"
              + " would give other outputs; open it with Bantam",
          version);
    }
    if (version != VERSION) {
      throw place.refuse(
          "its layout has version %d, and this reader knows version %d; use a bantam-reader as new"
              + " as the writer",
          version, VERSION);
    }
  }

  private static Stored stored(Attributes attributes, Parts parts, Place place)
      throws PackedModelException {
    final Form form = form(attributes.text("form"), place);
    final Stored stored =
        form == Form.DENSE
            ? new Dense(parts.floatsOfAnyShape(""))
            : stored(form, Matrix.of(attributes, place), attributes, parts, place);
    attributes.checkAllKnown(form);
    return stored;
  }

  private static Stored stored(
      Form form, Matrix matrix, Attributes attributes, Parts parts, Place place)
      throws PackedModelException {
    return switch (form) {
      case DENSE -> throw new IllegalArgumentException("a dense tensor needs no matrix");
      case BITMASK_SPARSE -> Sparse.withMask(matrix, attributes, parts, place);
      case INDEX_SPARSE -> Sparse.withGaps(matrix, attributes, parts, place);
      case N_OF_M -> NOfM.of(matrix, attributes, parts, place);
      case GROUPED -> Grouped.of(matrix, attributes, parts, place);
      case SPARSE_GROUPED -> SparseGrouped.of(matrix, attributes, parts, place);
      case BINARY -> Binary.of(matrix, attributes, parts, place);
      case TERNARY -> Ternary.of(matrix, attributes, parts, place);
    };
  }

  private static Form form(String label, Place place) throws PackedModelException {
    for (final Form form : Form.values()) {
      if (form.label().equals(label)) {
        return form;
      }
    }
    throw place.refuse("the form '%s' is unknown to this reader", label);
  }
}
