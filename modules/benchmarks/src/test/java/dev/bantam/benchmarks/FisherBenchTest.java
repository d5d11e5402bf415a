package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.tensor.Workers;
import org.junit.jupiter.api.Test;

class FisherBenchTest {
  @Test
  void measuresBothOrders() throws JsonProcessingException {
    final JsonNode line;
    try (Workers workers = new Workers(2)) {
      line =
          new ObjectMapper()
              .readTree(
                  FisherBench.measure(
                          2_000,
                          48,
                          workers,
                          new InTurn(new InTurn.Budget(0, 0, 0.001), System::nanoTime, () -> {}))
                      .json());
    }
    assertEquals("fisher", line.get("bench").asText());
    assertEquals("2000 weights, blocks of 48", line.get("case").asText());
    for (String field : new String[] {"ours", "theirs", "ratio", "runs", "bound_fraction"}) {
      assertTrue(line.get(field).asDouble() > 0, field + " of " + line);
    }
  }
}
