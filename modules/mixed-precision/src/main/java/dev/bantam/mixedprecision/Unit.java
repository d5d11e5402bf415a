package dev.bantam.mixedprecision;

import dev.bantam.compression.LayerInputs;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Which matrices get the same width. */
enum Unit {
  /** Each its own. */
  MATRIX,
  /** Query, key and value of a layer, which read the same input. */
  QKV,
  /** All matrices of a layer, as in Q-BERT. */
  LAYER;

  /** What the tensors of a unit have in common at the beginning of their names. */
  String of(String name) {
    return switch (this) {
      case MATRIX -> name;
      case QKV -> LayerInputs.input(name);
      case LAYER -> LayerInputs.layer(name);
    };
  }

  /** Tensors by unit, in the order of the first of each. */
  Map<String, List<String>> group(List<String> names) {
    final Map<String, List<String>> groups = new LinkedHashMap<>();
    names.forEach(name -> groups.computeIfAbsent(of(name), u -> new ArrayList<>()).add(name));
    return groups;
  }
}
