package dev.bantam.reader;

import java.io.IOException;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** The index of a model in several files: which tensor is in which of them. */
final class Shards {
  private Shards() {}

  /** File names by tensor, in the order of the text; each names a file of the folder itself. */
  static Map<String, String> read(byte[] text, Place place) throws IOException {
    final JsonText json = JsonText.of(text, "the index", place);
    final Map<String, String> files = new LinkedHashMap<>();
    final Set<String> keys = new HashSet<>();
    json.object(
        key -> {
          keys.add(key);
          if (key.equals("weight_map")) {
            json.object(tensor -> files.put(tensor, fileName(json.text(), place.at(tensor))));
          } else {
            json.skip();
          }
        });
    json.end();
    if (!keys.contains("weight_map")) {
      throw json.refuse("it has no key 'weight_map'");
    }
    return files;
  }

  private static String fileName(String name, Place place) throws PackedModelException {
    final boolean inside =
        !name.isEmpty()
            && !name.equals(".")
            && !name.equals("..")
            // ':' is a drive or a stream on Windows, and NUL ends a name
            && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < 0x20);
    if (!inside) {
      throw place.refuse(
          "the index places it in '%s', which is not the name of a file in the folder", name);
    }
    return name;
  }
}
