package dev.bantam.runner.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.tensor.BantamException;
import dev.bantam.training.AdamW;
import dev.bantam.training.FineTuner;
import dev.bantam.training.FineTuner.Epoch;
import dev.bantam.training.FineTuner.TrainingState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Keeps the state of a training in one safetensors file, replaced after every epoch and event:
 * weights as {@code weight/NAME}, those of the best epoch as {@code best/NAME}, moments as {@code
 * moment/NAME}, and epochs, update counts, notes and the seconds they took as JSON in the metadata.
 */
final class SavedTraining implements FineTuner.Resume {
  private static final String KEY = "training";
  private static final String UPDATES = "done";
  private static final String WEIGHT = "weight/";
  private static final String BEST = "best/";
  private static final String MOMENT = "moment/";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;
  private final long start = System.nanoTime();
  private double earlierSeconds;

  SavedTraining(Path file) {
    this.file = file;
  }

  @Override
  public void save(TrainingState state) {
    final SafetensorsWriter writer = new SafetensorsWriter();
    add(writer, WEIGHT, state.weights());
    add(writer, BEST, state.best());
    add(writer, MOMENT, state.optimizer().moments());
    final ObjectNode json = JSON.createObjectNode();
    final ArrayNode epochs = json.putArray("epochs");
    for (Epoch epoch : state.epochs()) {
      epochs
          .addObject()
          .put("number", epoch.number())
          .put("loss", epoch.loss())
          .put("tune", epoch.tune());
    }
    json.put(UPDATES, state.updates());
    json.put("loss_sum", state.lossSum());
    json.put("notes", state.notes());
    json.put("seconds", seconds());
    final ObjectNode updates = json.putObject("updates");
    state.optimizer().updates().forEach(updates::put);
    writer.metadata(KEY, json.toString()).write(file);
  }

  /** Seconds of training so far: those of this process, and those that earlier ones have kept. */
  double seconds() {
    return earlierSeconds + (System.nanoTime() - start) / 1e9;
  }

  private static void add(SafetensorsWriter writer, String prefix, Map<String, INDArray> tensors) {
    tensors.forEach((name, tensor) -> writer.add(prefix + name, SafetensorsType.F32, tensor));
  }

  @Override
  public Optional<TrainingState> find() {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try (SafetensorsFile saved = SafetensorsFile.open(file)) {
      final JsonNode json = JSON.readTree(saved.metadata().getOrDefault(KEY, "{}"));
      if (!json.has(UPDATES)) {
        throw BantamException.badInput(
            file + " was written by another build. Delete it and run again.");
      }
      earlierSeconds = json.path("seconds").asDouble();
      final List<Epoch> epochs = new ArrayList<>();
      for (JsonNode epoch : json.path("epochs")) {
        epochs.add(
            new Epoch(
                epoch.path("number").asInt(),
                epoch.path("loss").asDouble(),
                epoch.path("tune").asDouble()));
      }
      final SortedMap<String, Long> updates = new TreeMap<>();
      json.path("updates")
          .properties()
          .forEach(e -> updates.put(e.getKey(), e.getValue().asLong()));
      return Optional.of(
          new TrainingState(
              epochs,
              json.path(UPDATES).asLong(),
              json.path("loss_sum").asDouble(),
              tensors(saved, WEIGHT),
              tensors(saved, BEST),
              new AdamW.State(new TreeMap<>(tensors(saved, MOMENT)), updates),
              json.path("notes").asText()));
    } catch (JsonProcessingException e) {
      throw BantamException.badInput(file + " is damaged. Delete it and run again.", e);
    }
  }

  private static Map<String, INDArray> tensors(SafetensorsFile saved, String prefix) {
    final Map<String, INDArray> tensors = new LinkedHashMap<>();
    for (String name : saved.entries().keySet()) {
      if (name.startsWith(prefix)) {
        tensors.put(name.substring(prefix.length()), saved.floats(name));
      }
    }
    return tensors;
  }
}
