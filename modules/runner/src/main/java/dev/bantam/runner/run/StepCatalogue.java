package dev.bantam.runner.run;

import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepFactory;
import dev.bantam.data.NamedTask;
import dev.bantam.data.Tasks;
import dev.bantam.runner.experiment.Catalogue;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;

/** The named tasks, and the steps and methods of every module on the class path. */
public final class StepCatalogue implements Catalogue<Step> {
  private final Map<String, List<StepFactory>> byStep = new TreeMap<>();

  /** Finds the registered methods; the order of the class path does not matter. */
  public StepCatalogue() {
    for (StepFactory factory : ServiceLoader.load(StepFactory.class)) {
      byStep.computeIfAbsent(factory.step(), s -> new ArrayList<>()).add(factory);
    }
    byStep
        .values()
        .forEach(
            methods ->
                methods.sort(
                    Comparator.comparing((StepFactory f) -> !f.isDefault())
                        .thenComparing(StepFactory::method)));
  }

  @Override
  public List<String> tasks() {
    return Tasks.all().stream().map(NamedTask::name).toList();
  }

  @Override
  public List<String> steps() {
    return List.copyOf(byStep.keySet());
  }

  @Override
  public List<String> methods(String step) {
    return byStep.get(step).stream().map(StepFactory::method).toList();
  }

  @Override
  public Step parse(String step, String method, Settings settings) {
    return byStep.get(step).stream()
        .filter(f -> f.method().equals(method))
        .findFirst()
        .orElseThrow()
        .parse(settings);
  }
}
