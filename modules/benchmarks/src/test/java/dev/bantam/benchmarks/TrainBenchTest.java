package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Models;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** A whole case with a small model; the steps must train everything. */
class TrainBenchTest {
  @Test
  void measuresStepsThatTrainEveryParameter() throws JsonProcessingException {
    final Checkpoint model =
        Models.random(Models.open("all-minilm-l6-v2", Models.Options.DEFAULT), 2, 1);
    final Map<String, float[]> before = new HashMap<>();
    model.parameters().forEach((name, t) -> before.put(name, Floats.toArray(t)));
    final JsonNode line;
    try (Workers workers = new Workers(2)) {
      line =
          new ObjectMapper()
              .readTree(
                  TrainBench.measure(
                          model,
                          BenchCase.parse("4x8"),
                          workers,
                          new InTurn(new InTurn.Budget(0, 0, 0.001), System::nanoTime, () -> {}))
                      .json());
    }
    assertEquals("train", line.get("bench").asText());
    assertEquals("all-minilm-l6-v2-random 4x8", line.get("case").asText());
    assertEquals("own forward", line.get("peer").asText());
    assertEquals("steps/s", line.get("unit").asText());
    for (String field : new String[] {"ours", "theirs", "ratio", "runs", "bound_fraction"}) {
      assertTrue(line.get(field).asDouble() > 0, field + " of " + line);
    }
    final TreeSet<String> unchanged = new TreeSet<>();
    model
        .parameters()
        .forEach(
            (name, t) -> {
              if (Arrays.equals(before.get(name), Floats.toArray(t))) {
                unchanged.add(name);
              }
            });
    unchanged.removeIf(name -> name.startsWith("pooler.")); // mean pooling does not use it
    assertTrue(unchanged.isEmpty(), "not trained: " + unchanged);
  }
}
