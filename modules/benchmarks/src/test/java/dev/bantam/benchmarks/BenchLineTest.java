package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The lines that are printed, to the character. */
class BenchLineTest {
  @Test
  void holdsTheFieldsInOrder() {
    final Map<String, Double> further = new LinkedHashMap<>();
    further.put("ratio_sorted", 1.25);
    further.put("bound_fraction", 0.84996);
    assertEquals(
        "{\"bench\":\"encoder\",\"case\":\"all-minilm-l6-v2 32x32\",\"ours\":162.1,"
            + "\"peer\":\"onnxruntime 1.2 fp32, 2 threads\",\"theirs\":151.2,"
            + "\"unit\":\"sentences/s\",\"ratio\":1.072,\"runs\":9,\"spread\":0.04125,"
            + "\"ratio_sorted\":1.25,\"bound_fraction\":0.85}",
        new BenchLine(
                "encoder",
                "all-minilm-l6-v2 32x32",
                "onnxruntime 1.2 fp32, 2 threads",
                "sentences/s",
                new Comparison(162.06, 151.234, 1.07158, 9, 0.04125),
                further)
            .json());
  }

  @Test
  void numbersHaveNoExponent() {
    assertEquals(
        "{\"bench\":\"b\",\"case\":\"c\",\"ours\":1234000,\"peer\":\"p\",\"theirs\":0.00001234,"
            + "\"unit\":\"u\",\"ratio\":1,\"runs\":5,\"spread\":0}",
        new BenchLine("b", "c", "p", "u", new Comparison(1_234_321, 1.234e-5, 1, 5, 0), Map.of())
            .json());
  }

  @Test
  void lengthsOfFilesAreToldInFull() {
    assertEquals(
        "{\"bench\":\"b\",\"case\":\"c\",\"ours\":22934191,\"peer\":\"p\",\"theirs\":22972370,"
            + "\"unit\":\"bytes\",\"ratio\":1.0016647,\"runs\":1,\"spread\":0}",
        new BenchLine(
                "b",
                "c",
                "p",
                "bytes",
                new Comparison(22_934_191, 22_972_370, 22_972_370 / 22_934_191.0, 1, 0),
                Map.of(),
                8)
            .json());
  }
}
