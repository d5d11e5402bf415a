package dev.bantam.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** One line of a golden file: a name, the input, and what another implementation gave. */
record GoldenRow(String name, JsonNode input, JsonNode expected) {

  static List<GoldenRow> read(String resource) throws IOException {
    final ObjectMapper json = new ObjectMapper();
    final List<GoldenRow> rows = new ArrayList<>();
    try (InputStream in = GoldenRow.class.getResourceAsStream(resource);
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        final JsonNode row = json.readTree(line);
        rows.add(new GoldenRow(row.get("name").asText(), row.get("input"), row.get("expected")));
      }
    }
    return rows;
  }

  int[] ints(String field) {
    final JsonNode array = input.get(field);
    final int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).asInt();
    }
    return values;
  }

  double[] doubles(String field) {
    return doubles(input.get(field));
  }

  double[] expectedDoubles(String field) {
    return doubles(expected.get(field));
  }

  /** A row of zeros and ones per example, as bit sets. */
  int[] bitSets(String field) {
    final JsonNode array = input.get(field);
    final int[] sets = new int[array.size()];
    for (int i = 0; i < sets.length; i++) {
      for (int c = 0; c < array.get(i).size(); c++) {
        sets[i] |= array.get(i).get(c).asInt() << c;
      }
    }
    return sets;
  }

  boolean expects(String field) {
    return expected.has(field);
  }

  double expectedDouble(String field) {
    return number(expected.get(field));
  }

  boolean expectsError(String field) {
    return expected.get(field).isTextual() && expected.get(field).asText().contains("Error");
  }

  @Override
  public String toString() {
    return name;
  }

  private static double[] doubles(JsonNode array) {
    final double[] values = new double[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = number(array.get(i));
    }
    return values;
  }

  private static double number(JsonNode node) {
    if (node.isNumber()) {
      return node.asDouble();
    }
    return switch (node.asText()) {
      case "nan" -> Double.NaN;
      case "inf" -> Double.POSITIVE_INFINITY;
      case "-inf" -> Double.NEGATIVE_INFINITY;
      default -> throw new IllegalArgumentException("no number: " + node);
    };
  }
}
