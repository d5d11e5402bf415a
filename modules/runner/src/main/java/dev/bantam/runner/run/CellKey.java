package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Everything that a cell's result depends on, field by field: hashes of its inputs and the resolved
 * settings. Equal keys mean equal bytes.
 *
 * @param fields in a fixed order
 */
record CellKey(Map<String, String> fields) {
  static final String FILE = "key.json";

  CellKey {
    fields = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(fields));
  }

  /** SHA-256 of the fields, lower-case hex. */
  String sha256() {
    return Json.sha256(json());
  }

  private JsonNode json() {
    final ObjectNode node = Json.object();
    fields.forEach(node::put);
    return node;
  }

  void write(Path folder) {
    Json.write(folder.resolve(FILE), json());
  }

  /**
   * Reads the key of a cell's folder.
   *
   * @throws BantamException (bad input) if it is damaged
   */
  static CellKey read(Path folder) {
    final JsonNode node = Json.read(folder.resolve(FILE));
    if (!node.isObject()) {
      throw BantamException.badInput(
          folder.resolve(FILE) + " is damaged. Delete its folder and run again.");
    }
    final Map<String, String> fields = new LinkedHashMap<>();
    node.properties().forEach(e -> fields.put(e.getKey(), e.getValue().asText()));
    return new CellKey(fields);
  }

  /** Fields that differ, each as "name: theirs, now ours". */
  List<String> differences(CellKey recorded) {
    final Set<String> names = new LinkedHashSet<>(fields.keySet());
    names.addAll(recorded.fields.keySet());
    final List<String> differences = new ArrayList<>();
    for (String name : names) {
      final String now = fields.getOrDefault(name, "(absent)");
      final String then = recorded.fields.getOrDefault(name, "(absent)");
      if (!now.equals(then)) {
        differences.add("'" + name + "' was " + then + " and is now " + now);
      }
    }
    return differences;
  }
}
