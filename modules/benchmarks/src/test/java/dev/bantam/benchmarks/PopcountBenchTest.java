package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.tensor.Workers;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PopcountBenchTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void measuresBothProducts(int width) throws JsonProcessingException {
    final JsonNode line;
    try (Workers workers = new Workers(2)) {
      line =
          new ObjectMapper()
              .readTree(
                  PopcountBench.measure(
                          33,
                          70,
                          150,
                          width,
                          workers,
                          new InTurn(new InTurn.Budget(0, 0, 0.001), System::nanoTime, () -> {}))
                      .json());
    }
    assertEquals("popcount", line.get("bench").asText());
    assertEquals("33x70x150 " + width + " bit", line.get("case").asText());
    assertEquals("own sgemm, 2 threads", line.get("peer").asText());
    for (String field : new String[] {"ours", "theirs", "ratio", "runs"}) {
      assertTrue(line.get(field).asDouble() > 0, field + " of " + line);
    }
  }
}
