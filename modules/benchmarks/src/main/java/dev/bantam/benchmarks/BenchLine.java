package dev.bantam.benchmarks;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.tensor.Workers;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * One line of output: a JSON object.
 *
 * @param bench name of the benchmark
 * @param name name of the case
 * @param peer whom it was compared with
 * @param unit of both rates
 * @param comparison the measured figures
 * @param further more fields, in order
 * @param digits most significant digits of a number
 */
record BenchLine(
    String bench,
    String name,
    String peer,
    String unit,
    Comparison comparison,
    Map<String, Double> further,
    int digits) {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN).build();

  /** More than rates repeat to. */
  private static final int DIGITS_OF_RATES = 4;

  BenchLine {
    further = new LinkedHashMap<>(further);
  }

  /** Rates. */
  BenchLine(
      String bench,
      String name,
      String peer,
      String unit,
      Comparison comparison,
      Map<String, Double> further) {
    this(bench, name, peer, unit, comparison, further, DIGITS_OF_RATES);
  }

  /** How a peer's number of threads is told. */
  static String threads(Workers workers) {
    return workers.threads() + (workers.threads() == 1 ? " thread" : " threads");
  }

  String json() {
    final ObjectNode json = MAPPER.createObjectNode();
    json.put("bench", bench);
    json.put("case", name);
    json.put("ours", rounded(comparison.ours()));
    json.put("peer", peer);
    json.put("theirs", rounded(comparison.theirs()));
    json.put("unit", unit);
    json.put("ratio", rounded(comparison.ratio()));
    json.put("runs", comparison.runs());
    json.put("spread", rounded(comparison.spread()));
    further.forEach((field, value) -> json.put(field, rounded(value)));
    try {
      return MAPPER.writeValueAsString(json);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A tree of plain values is always written", e);
    }
  }

  private BigDecimal rounded(double value) {
    return new BigDecimal(value, new MathContext(digits)).stripTrailingZeros();
  }
}
