package dev.bantam.mixedprecision;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Which matrices get the same width. */
enum Unit {
  /** Each its own. */
  MATRIX,
  /** Query, key and value of a layer, which read the same input. */
  QKV,
  /** All matrices of a layer, as in Q-BERT. */
  LAYER;

  private static final Pattern OF_LAYER = Pattern.compile("(encoder\\.layer\\.[0-9]+\\.).*");
  private static final Pattern OF_QKV =
      Pattern.compile("(encoder\\.layer\\.[0-9]+\\.attention\\.self\\.)(query|key|value)\\..*");

  /** What the tensors of a unit have in common at the beginning of their names. */
  String of(String name) {
    final Matcher matcher =
        switch (this) {
          case MATRIX -> null;
          case QKV -> OF_QKV.matcher(name);
          case LAYER -> OF_LAYER.matcher(name);
        };
    return matcher != null && matcher.matches() ? matcher.group(1) : name;
  }

  /** Tensors by unit, in the order of the first of each. */
  Map<String, List<String>> group(List<String> names) {
    final Map<String, List<String>> groups = new LinkedHashMap<>();
    names.forEach(name -> groups.computeIfAbsent(of(name), u -> new ArrayList<>()).add(name));
    return groups;
  }
}
