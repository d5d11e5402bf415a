<#macro plainTable columns rows>
| <#list columns as column>${column} | </#list>
|<#list columns as column> --- |</#list>
<#list rows as row>
| <#list row as cell>${cell} | </#list>
</#list>
</#macro>
# ${title}

Report by Bantam ${version}<#if experiments?size gt 1> on the experiments ${experiments?join(", ")}<#else> on the experiment ${experiments?first}</#if><#if commit?has_content>, commit ${commit}</#if>.

<#list warnings as warning>
> **${warning}**

</#list>
<#list sections as section>
## ${section.title}

${section.sentences?join(" ")}

<#list section.findings as finding>
- ${finding}
</#list>

| <#list section.columns as column>${column.name} | </#list>
|<#list section.columns as column><#if column?is_first> --- |<#else> ---: |</#if></#list>
<#list section.rows as row>
| <#list row as cell>${cell.text} | </#list>
</#list>

<details>
<summary>What the columns mean</summary>

<#list section.columns as column>
- ${column.name}: ${column.meaning}
</#list>

</details>

<#list section.charts as chart>
### ${chart.title}

![${chart.alternative}](${chart.image})

<details>
<summary>Numbers of this chart</summary>

<@plainTable columns=chart.columns rows=chart.rows/>

</details>

</#list>
<#if section.treatments?has_content>
### What was done to each tensor

The error is the squared distance to the weights before the step over their squared norm.

<#list section.treatments as treatment>
<details>
<summary>${treatment.name}</summary>

As in seed ${treatment.seed}, draw ${treatment.draw}.

<#list treatment.steps as step>
**${step.step}** by ${step.method}, settings <code>${step.settings}</code>

<@plainTable columns=["tensor", "treatment", "bits", "sparsity", "bytes", "error"] rows=step.rows/>

<#if step.events?has_content>
Increase of the task loss in each event, as predicted by the method and as measured on the batches that it worked with:

<@plainTable columns=["event", "sparsity", "predicted", "measured", "loss before", "loss after"] rows=step.events/>

</#if>
</#list>
</details>

</#list>
</#if>
<#if section.fits?has_content>
### How well the increases of the loss were predicted

Over all events of a method: the rank correlation (Spearman) of predicted and measured increase, 1 where their order is the
same, and the mean of measured / predicted.

<@plainTable columns=["method", "replicates", "events", "rank correlation", "measured / predicted"] rows=section.fits/>

</#if>
### Where each row comes from

Every number is that of a cell, or a mean over cells. To check one, delete its folder under `cells` of the run folder
and type the command again: only what is missing is run.

| variant | cells | command |
| --- | --- | --- |
<#list section.sources as source>
| ${source.name} | <#list source.cells as cell>${cell.folder}<#sep>, </#sep></#list> | <code>${command}</code> |
</#list>

</#list>
<#if failures?has_content>
## Failed cells

| variant | model | task | seed | draw | error |
| --- | --- | --- | --- | --- | --- |
<#list failures as failure>
| ${failure.variant} | ${failure.model} | ${failure.task} | ${failure.seed} | ${failure.draw} | ${failure.error} |
</#list>

</#if>
<#if notes?has_content>
## Notes

<#list notes as note>
- ${note}
</#list>

</#if>
## How this was made

<#list runs as run>
<#if runs?size gt 1>
### ${run.name}

</#if>
SHA-256 of the resolved experiment: `${run.sha256}`

<@plainTable columns=["what", "value"] rows=run.facts/>

</#list>
To run it again: <code>${command}</code>
